"""Serve a page in the browser: `python tools/demo.py [port=7860] [checkpoint=PATH]`.

Two images become disparity, confidence and a point cloud to turn, with files to download. Nothing is written
but to a temporary folder, which is gone in the end; Ctrl-C ends it.
"""

from __future__ import annotations

import sys
from tempfile import TemporaryDirectory

from omegaconf import DictConfig

from dsmnet.config import tool
from dsmnet.demo import serve


@tool("demo")
def _serve(cfg: DictConfig) -> None:
    serve(**{name: cfg[name] for name in ("checkpoint", "device", "host", "port")})


def main() -> None:
    """Serve; what a run logs is gone with it, unless ``paths.output`` is given."""
    with TemporaryDirectory(prefix="dsmnet_demo_") as folder:
        sys.argv[1:1] = [f"paths.output={folder}"]
        _serve()
