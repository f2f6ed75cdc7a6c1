"""Kalibr's camchain.yaml: the first two cameras of a chain, in metres."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml  # type: ignore[import-untyped]

from dsmnet.io.entries import Entries
from dsmnet.io.images import write_bytes
from dsmnet.io.rigs.ros_rig import coefficients, size_of
from dsmnet.io.stated_cameras import Stated, camera, rig
from dsmnet.types import Camera, StereoRig

_MODELS = ("radtan", "equidistant", "none")


def read_kalibr(entries: Entries, unit: str | None) -> Stated:
    """Read ``cam0``, the left camera, and ``cam1``, the right one."""
    left, right = (_camera(entries.inside(name)) for name in ("cam0", "cam1"))
    second, key = entries.inside("cam1"), "T_cn_cnm1"
    pose = second.matrix(key, 4, 4)
    if np.abs(pose[3] - (0, 0, 0, 1)).max() > 1e-6:
        raise second.error(key, "a last row of 0 0 0 1 was expected")
    return Stated(
        rig(second, key, (left, right), second.rotation(key, pose[:3, :3]), pose[:3, 3], unit or "m")
    )


def write_kalibr_rig(path: Path | str, cameras: StereoRig) -> None:
    """Write a camchain of two cameras."""
    content: dict[str, dict[str, Any]] = {}
    for name, one in zip(("cam0", "cam1"), cameras[:2], strict=True):
        content[name] = {
            "camera_model": "pinhole",
            "intrinsics": one.matrix[(0, 1, 0, 1), (0, 1, 2, 2)].tolist(),
            "distortion_model": "equidistant" if one.fisheye else "radtan",
            "distortion_coeffs": coefficients(one, 4).tolist(),
            "resolution": list(size_of(one)[::-1]),
        }
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = cameras.rotation, cameras.translation
    content["cam1"]["T_cn_cnm1"] = pose.tolist()
    write_bytes(path, yaml.safe_dump(content, sort_keys=False, default_flow_style=None).encode("ascii"))


def _camera(entries: Entries) -> Camera:
    if entries.text("camera_model") != "pinhole":
        raise entries.error("camera_model", "pinhole was expected; omni, ds and eucm are not read")
    model = entries.text("distortion_model", "none")
    if model not in _MODELS:
        raise entries.error("distortion_model", f"one of {', '.join(_MODELS)} was expected")
    lens = np.zeros(4) if model == "none" else entries.numbers("distortion_coeffs", 4)
    pixels, size = entries.numbers("intrinsics", 4), entries.size("resolution")
    return camera(entries, "intrinsics", pixels, lens, size, model == "equidistant")
