"""The page of a point cloud, of a room of the generator, in the colors of the image and of depth."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np
from browser import screenshot

from dsmnet import load_model
from dsmnet.config import compose, instantiate
from dsmnet.io import read_image, write_image
from dsmnet.types import Calibration
from dsmnet.viz.cloud import build_cloud
from dsmnet.viz.cloud_page import render_cloud

SIZE = 480, 640
ROOM = 5  # of the validation split
TURN = "yaw: 0.35, pitch: 0.2"  # radians, as if by the mouse
OPTIONS = [
    f"dataset.size=[{SIZE[0]},{SIZE[1]}]",
    "dataset.layouts={street:0,ground:0,indoor:1,still:0,random:0}",
]


def draw(path: Path) -> None:
    """Predict the room, and write its page twice, side by side."""
    scene = instantiate(compose("train", OPTIONS).dataset).split_validation()[1][ROOM]
    disparity = load_model("dsmnet_lite").predict(scene["left"], scene["right"])
    cloud = build_cloud(disparity, scene["left"], Calibration(focal=600, baseline=0.1))
    page = re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', "", render_cloud(cloud, "room"))
    page = page.replace("yaw: 0, pitch: 0", TURN)  # the policy would refuse a script that was changed
    with tempfile.TemporaryDirectory() as folder:
        views = []
        for color in ("image", "depth"):
            file, picture = Path(folder, f"{color}.html"), Path(folder, f"{color}.png")
            click = f"<script>document.querySelector('[value={color}]').click()</script></body>"
            file.write_text(page.replace("</body>", click), "utf-8")
            screenshot(file, picture, 640, 540)
            views.append(read_image(picture))
    gap = np.full((views[0].shape[0], 6, 3), 255, np.uint8)
    write_image(path, np.hstack([views[0], gap, views[1]]))
