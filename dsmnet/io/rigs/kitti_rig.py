"""KITTI's projections ``P2:``, and ``calib_cam_to_cam.txt``: cameras before and after rectification.

S, K, D, R and T of a camera are its size, matrix, distortion and place (``x = R x0 + T`` from camera 0);
S_rect and P_rect are those of the rectified images. Lengths are in metres.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from dsmnet.io.entries import Entries
from dsmnet.io.images import write_bytes
from dsmnet.io.rigs.ros_rig import coefficients, size_of
from dsmnet.io.stated_cameras import Stated, camera, from_projections, rig
from dsmnet.types import Camera, StereoRig


def is_kitti(text: str) -> bool:
    """Whether lines ``P2: numbers``, ``P_rect_02: numbers`` or ``K_02: numbers`` are there."""
    return re.search(r"^[ \t]*(P|P_rect_0|K_0)\d[ \t]*:[ \t]*[-+.\d]", text, re.MULTILINE) is not None


def read_kitti(text: str, path: Path | str, pair: tuple[int, int], unit: str | None) -> Stated:
    """Read two cameras by their numbers."""
    lines = re.findall(r"^[ \t]*(\w+)[ \t]*:(.*)$", text, re.MULTILINE)
    entries = Entries(path, {key: value.strip() for key, value in lines})
    unit = unit or "m"
    names = [entries.name(f"P{number}", f"P_rect_{number:02d}") for number in pair]
    left, right = (f"{number:02d}" for number in pair)
    raw, calibration = None, None
    if f"K_{left}" in entries:
        first, second = _camera(entries, left), _camera(entries, right)
        turn = entries.rotation(f"R_{right}") @ entries.rotation(f"R_{left}").T
        move = entries.numbers(f"T_{right}", 3) - turn @ entries.numbers(f"T_{left}", 3)
        raw = rig(entries, f"T_{right}", (first, second), turn, move, unit)
    if raw is None or names[0] in entries:
        projections = [entries.projection(name) for name in names]
        calibration = from_projections(entries, names[1], projections[0], projections[1], unit)[0]
    return Stated(raw, calibration, entries.size(f"S_rect_{left}"))


def _camera(entries: Entries, number: str) -> Camera:
    key, lens = f"K_{number}", entries.numbers(f"D_{number}", 5)
    return camera(entries, key, entries.matrix(key, 3, 3), lens, entries.size(f"S_{number}"))


def write_kitti_rig(path: Path | str, cameras: StereoRig, pair: tuple[int, int] = (2, 3)) -> None:
    """Write S, K, D, R and T of both cameras, the left one at the origin."""
    places = ((np.eye(3), np.zeros(3)), (cameras.rotation, cameras.translation))
    lines = []
    for number, one, place in zip(pair, cameras[:2], places, strict=True):
        lens = coefficients(one, 5, fisheye=False)
        values: tuple[Any, ...] = (size_of(one)[::-1], one.matrix, lens, *place)
        for key, value in zip("SKDRT", values, strict=True):
            lines.append(f"{key}_{number:02d}: " + " ".join(f"{x:.17g}" for x in np.ravel(value)) + "\n")
    write_bytes(path, "".join(lines).encode("ascii"))
