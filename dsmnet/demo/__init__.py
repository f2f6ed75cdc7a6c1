"""A page in the browser, with Gradio: it matches what is uploaded, and asks no other server for anything."""

from dsmnet.demo.server import serve

__all__ = ["serve"]
