"""Stereolabs' ``SN*.conf``: a section for each camera and mode, translation in millimetres.

``[STEREO]`` holds what OpenCV found, as Stereolabs' calibration tool writes it: Baseline = -T[0], TY = T[1],
TZ = T[2], and the rotation vector RX, CV, RZ. ``[LEFT_DISTO]`` of newer cameras replaces the distortion
of the sections.
"""

from __future__ import annotations

import cv2
import numpy as np

from dsmnet.io.entries import Entries
from dsmnet.io.stated_cameras import Size, Stated, camera, rig
from dsmnet.types import Camera

_SIZES = {  # (H, W) of the modes
    "2K": (1242, 2208), "FHD1200": (1200, 1920), "FHD": (1080, 1920), "HD": (720, 1280), "SVGA": (600, 960),
    "VGA": (376, 672), "4K": (2160, 3840), "QHDPLUS": (1800, 3200),
}  # fmt: skip
_LENS = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")


def read_zed(entries: Entries, size: Size | None, unit: str | None) -> Stated:
    """Read the mode whose images have this size, else one of the same shape, else the first."""
    modes = [mode for mode in _SIZES if f"LEFT_CAM_{mode}" in entries] or ["HD"]
    height, width = size or _SIZES[modes[0]]
    shapes = [mode for mode in modes if abs(_SIZES[mode][0] * width / (_SIZES[mode][1] * height) - 1) < 0.01]
    mode = next((mode for mode in shapes if _SIZES[mode] == size), (shapes or modes)[0])
    cameras = _camera(entries, "LEFT", mode), _camera(entries, "RIGHT", mode)
    stereo = entries.inside("STEREO")
    names = [stereo.name(f"{key}_{mode.lower()}", key) for key in ("ty", "tz", "rx", "cv", "rz")]
    ty, tz, *turn = map(stereo.number, names)
    if max(map(abs, turn)) > 1:
        raise stereo.error(names[int(np.argmax(np.abs(turn))) + 2], "less than one radian was expected")
    rotation = np.asarray(cv2.Rodrigues(np.array(turn))[0], np.float64)
    translation = np.array([-stereo.number("baseline"), ty, tz])
    return Stated(rig(stereo, "baseline", cameras, rotation, translation, unit or "mm"))


def _camera(entries: Entries, side: str, mode: str) -> Camera:
    section = entries.inside(f"{side}_CAM_{mode}")
    matrix = np.array([section.number(key) for key in ("fx", "fy", "cx", "cy")])
    newer = f"{side}_DISTO" in entries
    lens, names = (entries.inside(f"{side}_DISTO"), _LENS) if newer else (section, _LENS[:5])
    found = {key: lens.number(key) for key in names if key in lens or key in _LENS[:2]}
    # Of a fisheye all eight are written too, of which k1 to k4 alone are not 0.
    fisheye = found.get("k4", 0) != 0 and not any(found.get(key) for key in ("p1", "p2", "k5", "k6"))
    order = ("k1", "k2", "k3", "k4") if fisheye else names
    values = np.array([found.get(key, 0.0) for key in order])
    return camera(section, "fx", matrix, values, _SIZES[mode], fisheye)
