"""Calibration files: Middlebury's and ETH3D's ``calib.txt``, and KITTI's projection matrices."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsmnet.data.formats.images import read_bytes
from dsmnet.errors import FormatError
from dsmnet.protocols import Calibration

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def read_calibration(path: Path | str, cameras: tuple[int, int] = (2, 3)) -> Calibration:
    """Read a calibration file of Middlebury (2014 and MiddEval3), ETH3D or KITTI, told apart by its content.

    Args:
        path: A text file with lines ``cam0=[f 0 cx; 0 f cy; 0 0 1]`` or ``P2: p00 p01 ... p23``.
        cameras: Left and right camera of a KITTI rig: (2, 3) are the colour ones, (0, 1) the grey ones.

    Returns:
        Focal length in pixels, baseline in metres (Middlebury and ETH3D state millimetres). ``max_disparity``
        is Middlebury's ``ndisp``; ETH3D writes the image's width there, which bounds nothing: None.

    Raises:
        FormatError: neither form, or an entry that is needed is missing or not a number.
        DataError: there is no such file.
    """
    text = read_bytes(path).decode("utf-8", "replace")
    if re.search(r"^\s*cam0\s*=", text, re.MULTILINE):
        return _parse_middlebury(text, path)
    if re.search(r"^\s*P(_rect_0)?\d\s*:", text, re.MULTILINE):
        return _parse_kitti(text, path, cameras)
    raise FormatError(
        f"{path}: no calibration: lines 'cam0=[...]' (Middlebury, ETH3D) or 'P2: ...' (KITTI) were expected"
    )


def write_calibration(path: Path | str, calibration: Calibration, size: tuple[int, int]) -> None:
    """Write Middlebury's ``calib.txt``, for views of `size` (height, width)."""
    focal, baseline, cx, cy = complete(calibration)
    height, width = size
    ndisp = width if calibration.max_disparity is None else calibration.max_disparity
    lines = [
        f"cam0=[{focal:.9g} 0 {cx:.9g}; 0 {focal:.9g} {cy:.9g}; 0 0 1]",
        f"cam1=[{focal:.9g} 0 {cx + calibration.doffs:.9g}; 0 {focal:.9g} {cy:.9g}; 0 0 1]",
        f"doffs={calibration.doffs:.9g}",
        f"baseline={baseline * 1000:.9g}",
        f"width={width}",
        f"height={height}",
        f"ndisp={ndisp}",
    ]
    _write_lines(path, lines)


def write_kitti_calibration(
    path: Path | str,
    calibration: Calibration,
    size: tuple[int, int] = (0, 0),  # KITTI's files do not state it
    cameras: tuple[int, int] = (2, 3),
    key: str = "P{}",
) -> None:
    """Write projection matrices as KITTI does, the left camera at the origin.

    Args:
        path: File to write.
        calibration: With focal length, baseline and principal point; ``max_disparity`` has no place here.
        size: Of the views; not written.
        cameras: Numbers of the left and the right camera.
        key: Name of a matrix: ``"P{}"`` in KITTI 2012, ``"P_rect_{:02d}"`` in KITTI 2015.
    """
    focal, baseline, cx, cy = complete(calibration)
    lines = []
    for camera, principal, offset in zip(
        cameras, (cx, cx + calibration.doffs), (0.0, -focal * baseline), strict=True
    ):
        matrix = [focal, 0, principal, offset, 0, focal, cy, 0, 0, 0, 1, 0]
        lines.append(f"{key.format(camera)}: " + " ".join(f"{value:.12e}" for value in matrix))
    _write_lines(path, lines)


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


def _parse_middlebury(text: str, path: Path | str) -> Calibration:
    entries = dict(re.findall(r"^\s*(\w+)\s*=\s*(.*?)\s*$", text, re.MULTILINE))

    def numbers(key: str, count: int) -> list[float] | None:
        if key not in entries:
            return None
        found = [float(number) for number in _NUMBER.findall(entries[key])]
        if len(found) != count:
            raise FormatError(f"{path}: {key}={entries[key]}, but {count} number(s) were expected")
        return found

    cam0, cam1 = numbers("cam0", 9), numbers("cam1", 9)
    assert cam0 is not None  # the caller has seen it
    doffs, baseline = numbers("doffs", 1), numbers("baseline", 1)
    ndisp, width = numbers("ndisp", 1), numbers("width", 1)
    offset = doffs[0] if doffs else cam1[2] - cam0[2] if cam1 else 0.0
    bounded = ndisp is not None and ndisp[0] > 0 and (width is None or ndisp[0] < width[0])
    return Calibration(
        focal=cam0[0],
        baseline=baseline[0] / 1000 if baseline else None,
        cx=cam0[2],
        cy=cam0[5],
        doffs=offset,
        max_disparity=int(ndisp[0]) if ndisp and bounded else None,
    )


def _parse_kitti(text: str, path: Path | str, cameras: tuple[int, int]) -> Calibration:
    left, right = (_projection(text, path, camera) for camera in cameras)
    # P = K [I | t], so the camera's centre is -inv(K) P[:, 3].
    centres = [-np.linalg.solve(matrix[:, :3], matrix[:, 3]) for matrix in (left, right)]
    return Calibration(
        focal=float(left[0, 0]),
        baseline=float(centres[1][0] - centres[0][0]),
        cx=float(left[0, 2]),
        cy=float(left[1, 2]),
        doffs=float(right[0, 2] - left[0, 2]),
    )


def _projection(text: str, path: Path | str, camera: int) -> NDArray[np.float64]:
    line = re.search(rf"^\s*P(?:_rect_0)?{camera}\s*:(.*)$", text, re.MULTILINE)
    if line is None:
        raise FormatError(
            f"{path}: no projection matrix P{camera} (or P_rect_{camera:02d}) of camera {camera}"
        )
    numbers = [float(number) for number in _NUMBER.findall(line[1])]
    if len(numbers) != 12 or numbers[0] <= 0 or numbers[5] <= 0 or numbers[10] == 0:
        raise FormatError(f"{path}: P{camera} is not a 3x4 projection matrix: {line[1].strip()}")
    return np.array(numbers).reshape(3, 4)


def complete(calibration: Calibration) -> tuple[float, float, float, float]:
    """Return focal length, baseline, cx and cy, all of which a calibration file needs."""
    focal, baseline, cx, cy = calibration[:4]
    if focal is None or baseline is None or cx is None or cy is None:
        raise ValueError(f"focal, baseline, cx and cy are needed to write a calibration file: {calibration}")
    return focal, baseline, cx, cy


def _write_lines(path: Path | str, lines: list[str]) -> None:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
