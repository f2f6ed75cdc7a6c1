"""Calibration files: Middlebury's and ETH3D's ``calib.txt``, and KITTI's projection matrices."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import FormatError, shown
from dsmnet.io.decoding import MOST_TEXT, decoding, warn_once
from dsmnet.io.images import read_bytes, write_bytes
from dsmnet.types import Calibration

_FAR = 1e6  # pixels; no camera's numbers are larger
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def read_calibration(
    path: Path | str, cameras: tuple[int, int] = (2, 3), size: tuple[int, int] | None = None
) -> Calibration:
    """Read a calibration file of Middlebury (2014 and MiddEval3), ETH3D or KITTI, told apart by its content.

    ``max_disparity`` is Middlebury's ``ndisp``; ETH3D writes the image's width there, which bounds nothing.

    Args:
        path: A text file with lines ``cam0=[f 0 cx; 0 f cy; 0 0 1]`` or ``P2: p00 p01 ... p23``.
        cameras: Left and right camera of a KITTI rig: (2, 3) are the color ones, (0, 1) the grey ones.
        size: Height and width of the views. A Middlebury file that was made for another size (it states width
            and height) is scaled to it.
    """
    text = read_bytes(path, MOST_TEXT).decode("utf-8", "replace")
    with decoding(path, "not a calibration"):
        if re.search(r"^[ \t]*cam0[ \t]*=", text, re.MULTILINE):
            return checked(_parse_middlebury(text, path, size), path)
        if re.search(r"^[ \t]*P(_rect_0)?\d[ \t]*:", text, re.MULTILINE):
            return checked(_parse_kitti(text, path, cameras), path)
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


def checked(calibration: Calibration, path: Path | str) -> Calibration:
    """Return a calibration that cameras can have."""
    focal, baseline, cx, cy, doffs, bound = calibration
    for name, value, least, most in (
        ("positive focal length", focal, 1e-3, _FAR),
        ("positive baseline in metres", baseline, 1e-6, 1e4),
        ("principal point", cx, -_FAR, _FAR),
        ("principal point", cy, -_FAR, _FAR),
        ("offset of disparity (doffs)", doffs, -_FAR, _FAR),
        ("largest disparity (ndisp)", bound, 1, 2**16),
    ):
        if value is not None and not least <= value <= most:
            raise FormatError(f"{path}: {value:g}, but a {name} was expected, {least:g} to {most:g}")
    return calibration


def _parse_middlebury(text: str, path: Path | str, size: tuple[int, int] | None) -> Calibration:
    entries: dict[str, str] = {}
    for key, value in re.findall(r"^[ \t]*(\w+)[ \t]*=[ \t]*(.*?)[ \t\r]*$", text, re.MULTILINE):
        if entries.setdefault(key, value) != value:
            raise FormatError(f"{path}: {shown(key)} is there twice, with different values")

    def numbers(key: str, count: int) -> list[float] | None:
        if key not in entries:
            return None
        found = [float(number) for number in _NUMBER.findall(entries[key])]
        if len(found) != count or not all(map(math.isfinite, found)):
            raise FormatError(f"{path}: {key}={shown(entries[key])}, but {count} number(s) were expected")
        return found

    cam0, cam1 = numbers("cam0", 9), numbers("cam1", 9)
    assert cam0 is not None  # the caller has seen it
    doffs, baseline = numbers("doffs", 1), numbers("baseline", 1)
    ndisp, width, height = numbers("ndisp", 1), numbers("width", 1), numbers("height", 1)
    if baseline and 0 < baseline[0] < 1:
        raise FormatError(
            f"{path}: baseline={baseline[0]:g}, but millimetres were expected, which would be less than one; "
            f"{baseline[0]:g} m is baseline={1000 * baseline[0]:g}"
        )
    if doffs is None and cam1 is None and baseline:
        warn_once(("doffs", str(path)), "%s: neither doffs nor cam1, so that depth is that of doffs=0", path)
    offset = doffs[0] if doffs else cam1[2] - cam0[2] if cam1 else 0.0
    bounded = ndisp is not None and ndisp[0] > 0 and (width is None or ndisp[0] < width[0])
    scale = _scale(width, height, size, path)
    return Calibration(
        focal=cam0[0] * scale,
        baseline=baseline[0] / 1000 if baseline else None,
        cx=(cam0[2] + 0.5) * scale - 0.5,  # pixel centres have whole coordinates
        cy=(cam0[5] + 0.5) * scale - 0.5,
        doffs=offset * scale,
        max_disparity=math.ceil(ndisp[0] * scale) if ndisp and bounded else None,
    )


def _scale(
    width: list[float] | None, height: list[float] | None, size: tuple[int, int] | None, path: Path | str
) -> float:
    """Return the size of the views relative to the one that the file states, 1 where either is unknown."""
    if size is None or width is None:
        return 1.0
    scale = size[1] / max(width[0], 1)
    there = (size[0], height[0] * scale if height else size[0])
    if abs(there[0] - there[1]) > max(2, 0.01 * size[0]) or not 1e-3 < scale < 1e3:
        raise FormatError(
            f"{path}: made for views of {width[0]:g}x{height[0] if height else 0:g}, but they have "
            f"{size[1]}x{size[0]}, which is another shape: a part of them?"
        )
    if scale != 1:
        warn_once(
            ("scale", str(Path(path).parent), str(size)),
            "%s: made for a width of %g, scaled by %.4g to the views' %d",
            *(path, width[0], scale, size[1]),
        )
    return scale


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
    line = re.search(rf"^[ \t]*P(?:_rect_0)?{camera}[ \t]*:(.*)$", text, re.MULTILINE)
    if line is None:
        raise FormatError(
            f"{path}: no projection matrix P{camera} (or P_rect_{camera:02d}) of camera {camera}"
        )
    numbers = [float(number) for number in _NUMBER.findall(line[1])]
    if len(numbers) != 12 or numbers[0] <= 0 or numbers[5] <= 0 or numbers[10] == 0:
        raise FormatError(f"{path}: P{camera} is not a 3x4 projection matrix: {shown(line[1].strip())}")
    return np.array(numbers).reshape(3, 4)


def complete(calibration: Calibration) -> tuple[float, float, float, float]:
    """Return focal length, baseline, cx and cy, all of which a calibration file needs."""
    focal, baseline, cx, cy = calibration[:4]
    if focal is None or baseline is None or cx is None or cy is None:
        raise ValueError(f"focal, baseline, cx and cy are needed to write a calibration file: {calibration}")
    return focal, baseline, cx, cy
