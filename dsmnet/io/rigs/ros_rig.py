"""ROS camera_info: one YAML file for each camera, as camera_calibration writes it, or a message's fields.

``R`` and ``P`` say how each camera is rectified, ``P[0, 3] = -focal * baseline`` in metres; the place of the
cameras follows from both.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml  # type: ignore[import-untyped]

from dsmnet.io.entries import Entries
from dsmnet.io.images import write_bytes
from dsmnet.io.stated_cameras import Array, Size, Stated, camera, from_projections, rig
from dsmnet.types import Camera, StereoRig

_K, _D = ("camera_matrix", "K", "k"), ("distortion_coefficients", "D", "d")  # of files, of messages
_R, _P = ("rectification_matrix", "R", "r"), ("projection_matrix", "P", "p")
_FISHEYE = ("equidistant", "kannala_brandt")
_MODELS = ("plumb_bob", "rational_polynomial", *_FISHEYE)


def is_ros(entries: Entries) -> bool:
    """Whether a file is a camera_info."""
    return all(entries.name(*names) in entries for names in (_K, _R, _P))


def read_ros(left: Entries, right: Entries, unit: str | None) -> Stated:
    """Read the camera_info of the left and of the right camera."""
    unit, key = unit or "m", right.name(*_P)
    cameras = _camera(left), _camera(right)
    turns = left.rotation(left.name(*_R)), right.rotation(right.name(*_R))
    first, second = left.projection(left.name(*_P)), right.projection(key)
    calibration, rotation, translation = from_projections(right, key, first, second, unit, turns)
    found = rig(right, key, cameras, rotation, translation, unit)
    return Stated(found, calibration, cameras[0].size)


def write_ros_rig(left: Path | str, right: Path | str, cameras: StereoRig) -> None:
    """Write both files, rectified as cv2.stereoRectify does it without black borders."""
    first, second, rotation, translation = cameras
    lenses = (first.matrix, first.distortion, second.matrix, second.distortion)
    given = (*lenses, size_of(first)[::-1], rotation, translation[:, None])
    if first.fisheye:
        found: Sequence[Any] = cv2.fisheye.stereoRectify(*given, cv2.CALIB_ZERO_DISPARITY)
    else:
        found = cv2.stereoRectify(*given, flags=cv2.CALIB_ZERO_DISPARITY, alpha=0)
    for path, name, one, turn, projection in zip(
        (left, right), ("left", "right"), cameras[:2], found[:2], found[2:4], strict=True
    ):
        lens = coefficients(one, 5 if not one.distortion[5:].any() else 8)
        content = {
            "image_width": size_of(one)[1],
            "image_height": size_of(one)[0],
            "camera_name": name,
            "camera_matrix": _matrix(one.matrix),
            "distortion_model": "equidistant" if one.fisheye else _MODELS[len(lens) // 8],
            "distortion_coefficients": _matrix(lens[None]),
            "rectification_matrix": _matrix(turn),
            "projection_matrix": _matrix(projection),
        }
        text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None)
        write_bytes(path, text.encode("ascii"))


def size_of(one: Camera) -> Size:
    """Return the size that a file has to state."""
    if one.size is None:
        raise ValueError("the size of the images is needed to write this form")
    return one.size


def coefficients(one: Camera, count: int, fisheye: bool = True) -> Array:
    """Return `count` coefficients of distortion, 4 of a fisheye where the form has those."""
    if one.distortion[count:].any() or (one.fisheye and not fisheye):
        raise ValueError(f"{len(one.distortion)} coefficients of distortion, but this form holds {count}")
    count = 4 if one.fisheye else count
    return np.pad(one.distortion[:count], (0, max(0, count - len(one.distortion))))


def _camera(entries: Entries) -> Camera:
    model, key = entries.text("distortion_model"), entries.name(*_D)
    lens = entries.numbers(key) if key in entries else np.zeros(4)
    if model not in _MODELS and lens.any():
        raise entries.error("distortion_model", f"one of {', '.join(_MODELS)} was expected")
    size = entries.size(entries.name("image_width", "width"), entries.name("image_height", "height"))
    key = entries.name(*_K)
    return camera(entries, key, entries.matrix(key, 3, 3), lens, size, model in _FISHEYE)


def _matrix(values: Array) -> dict[str, object]:
    return {"rows": values.shape[0], "cols": values.shape[1], "data": values.ravel().tolist()}
