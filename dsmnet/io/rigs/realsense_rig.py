"""RealSense: the viewer's table, and the SDK's structures.

The infrared images of a D400 are rectified by the camera. Structures are ``rs2_intrinsics`` of both cameras
(width, height, ppx, ppy, fx, fy, model, coeffs) and ``rs2_extrinsics`` from left to right (rotation column
by column, translation in metres).
"""

from __future__ import annotations

import numpy as np

from dsmnet.io.entries import Entries
from dsmnet.io.stated_cameras import Size, Stated, camera, rectified, rig
from dsmnet.types import Camera

_NAMES = [(f"infrared{n}", f"infrared_{n}", f"fisheye{n}", side) for n, side in ((1, "left"), (2, "right"))]


def read_realsense(entries: Entries, size: Size | None, unit: str | None) -> Stated:
    """Read the rectified cameras of the mode that has this size, or the cameras of the structures."""
    if "rectified.0.fx" in entries:
        modes = [mode for mode in range(100) if f"rectified.{mode}.fx" in entries]
        sizes = [entries.size(f"rectified.{mode}.width", f"rectified.{mode}.height") for mode in modes]
        index = sizes.index(size) if size in sizes else 0
        focal, cx, cy = (entries.number(f"rectified.{modes[index]}.{key}") for key in ("fx", "ppx", "ppy"))
        values = focal, abs(entries.number("baseline")), cx, cy, 0.0  # the table has that of the right view
        return Stated(None, rectified(entries, "baseline", values, unit or "mm"), sizes[index])
    left, right = (_camera(entries.inside(entries.name(*names))) for names in _NAMES)
    place = entries.inside("extrinsics")
    rotation = place.rotation("rotation", place.matrix("rotation", 3, 3).T)
    return Stated(
        rig(place, "translation", (left, right), rotation, place.numbers("translation", 3), unit or "m")
    )


def _camera(entries: Entries) -> Camera:
    if "intrinsics" in entries:
        entries = entries.inside("intrinsics")
    model = entries.text("model", "none").split(".")[-1].replace(" ", "").replace("_", "")
    lens = entries.numbers("coeffs")
    fisheye = model == "kannalabrandt4"
    if not fisheye and model != "brownconrady" and lens.any():
        raise entries.error("model", "Brown Conrady or Kannala Brandt4 was expected")
    matrix = np.array([entries.number(key) for key in ("fx", "fy", "ppx", "ppy")])
    return camera(
        entries, "fx", matrix, lens[:4] if fisheye else lens, entries.size("width", "height"), fisheye
    )
