"""Argoverse's ``vehicle_calibration_stereo_info.json``: the cameras of a log, rectified ones among them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dsmnet.errors import FormatError
from dsmnet.io.calibration import CalibrationCodec, complete
from dsmnet.io.decoding import MOST_TEXT, decoding
from dsmnet.io.images import read_bytes, write_bytes
from dsmnet.io.stated_cameras import checked
from dsmnet.types import Calibration

_LEFT, _RIGHT = "image_raw_stereo_front_left_rect", "image_raw_stereo_front_right_rect"


def read_argoverse_calibration(path: Path | str) -> Calibration:
    """Read the calibration of the rectified pair: focal length in pixels, baseline in metres."""
    with decoding(path, "not a calibration of Argoverse"):
        content = json.loads(read_bytes(path, MOST_TEXT))
        cameras = {entry["key"]: entry["value"] for entry in content["camera_data_"]}
        for key in (_LEFT, _RIGHT):
            if key not in cameras:
                raise FormatError(f"{path}: no entry '{key}' of the rectified stereo cameras")
        left, right = cameras[_LEFT], cameras[_RIGHT]
        focal, shift = float(left["focal_length_x_px_"]), float(right["Txf_"])
        centre, other = (float(camera["focal_center_x_px_"]) for camera in (left, right))
        cy = float(left["focal_center_y_px_"])
        return checked(Calibration(focal, -shift / focal, centre, cy, other - centre), path)


def write_argoverse_calibration(path: Path | str, calibration: Calibration, size: tuple[int, int]) -> None:
    """Write the two rectified cameras; neither the `size` of the views nor a largest disparity is stored."""
    focal, baseline, cx, cy = complete(calibration)
    cameras = [
        {"key": _LEFT, "value": _camera(focal, cx, cy, 0.0)},
        {"key": _RIGHT, "value": _camera(focal, cx + calibration.doffs, cy, -focal * baseline)},
    ]
    write_bytes(path, json.dumps({"camera_data_": cameras}, indent=4).encode("ascii"))


ARGOVERSE_CALIB = CalibrationCodec(read_argoverse_calibration, write_argoverse_calibration)


def _camera(focal: float, cx: float, cy: float, shift: float) -> dict[str, Any]:
    return {
        "focal_length_x_px_": focal,
        "focal_length_y_px_": focal,
        "focal_center_x_px_": cx,
        "focal_center_y_px_": cy,
        "Txf_": shift,  # pixels times metres
    }
