"""Calibration files of data sets: Middlebury's and ETH3D's ``calib.txt``, KITTI's projection matrices."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dsmnet.io.cameras import read_calibration
from dsmnet.io.images import write_bytes
from dsmnet.types import Calibration


def write_calibration(path: Path | str, calibration: Calibration, size: tuple[int, int]) -> None:
    """Write Middlebury's ``calib.txt``, for views of `size` (height, width)."""
    focal, baseline, cx, cy = complete(calibration)
    height, width = size
    ndisp = width if calibration.max_disparity is None else calibration.max_disparity
    lines = [
        f"cam0=[{focal:.15g} 0 {cx:.15g}; 0 {focal:.15g} {cy:.15g}; 0 0 1]",
        f"cam1=[{focal:.15g} 0 {cx + calibration.doffs:.15g}; 0 {focal:.15g} {cy:.15g}; 0 0 1]",
        f"doffs={calibration.doffs:.15g}",
        f"baseline={baseline * 1000:.15g}",
        f"width={width}",
        f"height={height}",
        f"ndisp={ndisp}",
    ]
    write_bytes(path, "".join(f"{line}\n" for line in lines).encode("ascii"))


def write_kitti_calibration(
    path: Path | str,
    calibration: Calibration,
    size: tuple[int, int] = (0, 0),  # KITTI's files do not state it
    cameras: tuple[int, int] = (2, 3),
    key: str = "P{}",
) -> None:
    """Write projection matrices of two cameras as KITTI does, the left one at the origin.

    A matrix is called by `key`: ``"P{}"`` in KITTI 2012, ``"P_rect_{:02d}"`` in KITTI 2015.
    """
    focal, baseline, cx, cy = complete(calibration)
    lines = []
    for camera, principal, offset in zip(
        cameras, (cx, cx + calibration.doffs), (0.0, -focal * baseline), strict=True
    ):
        matrix = [focal, 0, principal, offset, 0, focal, cy, 0, 0, 0, 1, 0]
        lines.append(f"{key.format(camera)}: " + " ".join(f"{value:.12e}" for value in matrix))
    write_bytes(path, "".join(f"{line}\n" for line in lines).encode("ascii"))


@dataclass(frozen=True)
class CalibrationCodec:
    """How a data set stores the calibration of a pair; `write` takes the views' (height, width) too."""

    read: Callable[[Path], Calibration]
    write: Callable[[Path, Calibration, tuple[int, int]], None]


MIDDLEBURY_CALIB = CalibrationCodec(read_calibration, write_calibration)


def kitti_calib(cameras: tuple[int, int], key: str) -> CalibrationCodec:
    """Return the codec of KITTI's projection matrices of two cameras, named by `key`."""
    write = partial(write_kitti_calibration, cameras=cameras, key=key)
    return CalibrationCodec(partial(read_calibration, cameras=cameras), write)


def kitti_cameras(left: Path) -> tuple[int, int]:
    """Return the cameras whose matrices belong to a left view of KITTI, by the name of its folder.

    ``image_0`` and ``image_00/data`` hold the left grey camera, over whose pixels those of ``colored_0`` lie;
    elsewhere it is the color one.
    """
    grey = any(
        re.fullmatch(r"(image|colored)_0?0", folder.name) for folder in list(left.absolute().parents)[:2]
    )
    return (0, 1) if grey else (2, 3)


def complete(calibration: Calibration) -> tuple[float, float, float, float]:
    """Return focal length, baseline, cx and cy, all of which a calibration file needs."""
    focal, baseline, cx, cy = calibration[:4]
    if focal is None or baseline is None or cx is None or cy is None:
        raise ValueError(f"focal, baseline, cx and cy are needed to write a calibration file: {calibration}")
    return focal, baseline, cx, cy
