"""A page in which a point cloud is turned with the mouse."""

from dsmnet.viz.cloud_page.page import render_cloud

__all__ = ["render_cloud"]
