"""Two cameras as a file states them: checks that they can be, and the size of the views they are used for.

Pixel centres have whole coordinates, as in OpenCV, ROS and Kalibr: a width W reaches from -0.5 to W - 0.5.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import FormatError
from dsmnet.io.decoding import warn_once
from dsmnet.io.entries import Entries
from dsmnet.types import Calibration, Camera, StereoRig

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_SHORTEST, _LONGEST = 0.005, 20.0  # metres, of a baseline
_WIDEST, _NARROWEST = 0.1, 100.0  # focal length over width
_LENGTHS = (4, 5, 8, 12, 14)  # of OpenCV's coefficients
_FAR = 1e6  # pixels; no camera's numbers are larger
_ALIKE = 1e-6  # how far rectified cameras differ at most, relative

Size = tuple[int, int]
Array = NDArray[np.float64]


class Stated(NamedTuple):
    """What a file says, in pixels of the size it was made for; it may hold cameras before and after."""

    rig: StereoRig | None = None
    rectified: Calibration | None = None
    size: Size | None = None  # (H, W) of the rectified views; H is 0 where the width alone is stated


def camera(
    entries: Entries, key: str, matrix: Array, coefficients: Array, size: Size | None, fisheye: bool = False
) -> Camera:
    """Return a camera that can be; `key` is named where it cannot.

    `matrix` is [3, 3] or fx, fy, cx, cy; missing `coefficients` at the end are 0.
    """
    if matrix.shape == (4,):
        matrix = np.array([[matrix[0], 0, matrix[2]], [0, matrix[1], matrix[3]], [0, 0, 1]])
    (fx, skew, cx), (low, fy, cy) = matrix[:2]
    plain = abs(skew) <= _ALIKE * fx and low == 0 and (matrix[2] == (0, 0, 1)).all()
    if not (1e-3 < fx <= _FAR and 0.5 <= fy / fx <= 2 and plain):
        raise entries.error(key, "[fx 0 cx; 0 fy cy; 0 0 1] with focal lengths in pixels was expected")
    if size is not None:
        _check_focal(fx, size, entries.path)
        if not (-0.5 <= cx <= size[1] and -0.5 <= cy <= size[0]):
            where = f"({cx:g}, {cy:g}) of images of {size[1]}x{size[0]}"
            raise entries.error(key, f"a principal point inside the images was expected, not {where}")
    distortion = np.pad(coefficients, (0, max(0, 4 - len(coefficients))))
    if len(distortion) not in ((4,) if fisheye else _LENGTHS):
        raise entries.error(key, f"{len(distortion)} coefficients of distortion are none of {_LENGTHS}")
    return Camera(matrix, distortion, size, fisheye)


def rig(
    entries: Entries,
    key: str,
    cameras: tuple[Camera, Camera],
    rotation: Array,
    translation: Array,
    unit: str | None,
) -> StereoRig:
    """Return a rig whose right camera stands right of the left one, or above or below it.

    `key` states the translation, in `unit`; None where neither the file nor the user says which.
    """
    moved = translation * _metres(entries, key, float(np.linalg.norm(translation)), unit)
    place = -rotation.T @ moved  # of the right camera, seen from the left one
    if abs(place[0]) >= abs(place[1]) and place[0] < 0:
        raise entries.error(
            key,
            f"that puts the right camera {-place[0]:.3g} m left of the left one; a negative translation "
            "along x was expected: the views are exchanged, or it is that from right to left",
        )
    return StereoRig(*cameras, rotation, moved)


def from_projections(
    entries: Entries,
    key: str,
    left: Array,
    right: Array,
    unit: str | None,
    turns: tuple[Array, Array] | None = None,
) -> tuple[Calibration | None, Array, Array]:
    """Return what projections of rectified cameras say, `key` being the right one's.

    A rectified camera sees ``turn @ x``, and ``projection = K [I | t]``.

    Returns:
        Calibration (None of cameras one above the other), and rotation and translation, in the file's unit,
        of the cameras before they were turned.
    """
    first, second = turns or (np.eye(3), np.eye(3))
    shift = np.subtract(*(np.linalg.solve(p[:, :3], p[:, 3]) for p in (right, left)))
    calibration = None
    if abs(shift[0]) >= abs(shift[1]):
        doffs = right[0, 2] - left[0, 2]
        calibration = rectified(entries, key, (left[0, 0], -shift[0], left[0, 2], left[1, 2], doffs), unit)
    return calibration, second.T @ first, second.T @ shift


def rectified(entries: Entries, key: str, values: tuple[float, ...], unit: str | None) -> Calibration:
    """Return the calibration of focal, baseline in `unit`, cx, cy and doffs; `key` states the baseline."""
    focal, baseline, cx, cy, doffs = map(float, values)
    if baseline < 0:
        raise entries.error(
            key, f"a positive baseline was expected, not {baseline:g}: the views are exchanged"
        )
    return Calibration(focal, baseline * _metres(entries, key, abs(baseline), unit), cx, cy, doffs)


def checked(calibration: Calibration, path: Path | str) -> Calibration:
    """Return a calibration that cameras can have."""
    bounds = (
        ("positive focal length", 1e-3, _FAR),
        ("positive baseline in metres", 1e-6, 1e4),
        *[("principal point", -_FAR, _FAR)] * 2,
        ("offset of disparity (doffs)", -_FAR, _FAR),
        ("largest disparity (ndisp)", 1, 2**16),
    )
    for (name, least, most), value in zip(bounds, calibration, strict=True):
        if value is not None and not least <= value <= most:
            raise FormatError(f"{path}: {value:g}, but a {name} was expected, {least:g} to {most:g}")
    return calibration


def ideal(cameras: StereoRig) -> Calibration | None:
    """Return the calibration of cameras that are rectified as they stand, None of others."""
    left, right = cameras.left, cameras.right
    focal, length = left.matrix[0, 0], float(np.linalg.norm(cameras.translation))
    differences = (
        left.distortion,
        right.distortion,
        cameras.rotation - np.eye(3),
        cameras.translation[1:] / length,
        np.delete(right.matrix - left.matrix, 2, axis=None) / focal,  # all but cx
        left.matrix[1, 1] / focal - 1,
    )
    if left.fisheye or right.fisheye or any(np.abs(part).max() > _ALIKE for part in differences):
        return None
    cx, cy = left.matrix[:2, 2].tolist()
    return Calibration(float(focal), length, cx, cy, float(right.matrix[0, 2]) - cx)


def fit_rig(cameras: StereoRig, size: Size | None, path: Path | str) -> StereoRig:
    """Return a rig for images of a size (height, width); None is the size it was made for."""
    if size is None:
        return cameras
    fitted = []
    for one in cameras[:2]:
        matrix, factor = one.matrix.copy(), _factor(one.size, size, one.matrix, path)
        if one.size is not None and factor != 1:
            factors = np.array([factor, size[0] / one.size[0]])
            matrix[:2] *= factors[:, None]
            matrix[:2, 2] += (factors - 1) / 2
        fitted.append(one._replace(matrix=matrix, size=size))
    return cameras._replace(left=fitted[0], right=fitted[1])


def fit_calibration(
    found: Calibration, stated: Size | None, size: Size | None, path: Path | str
) -> Calibration:
    """Return a calibration for views of a size; `stated` is the one it was made for."""
    focal, _, cx, cy, doffs, bound = found
    if size is None or focal is None or cx is None or cy is None:
        return found
    factor = _factor(stated, size, np.array([[focal, 0, cx], [0, focal, cy]]), path)
    cx, cy = ((value + 0.5) * factor - 0.5 for value in (cx, cy)) if factor != 1 else (cx, cy)
    bound = None if bound is None else math.ceil(bound * factor)
    return Calibration(focal * factor, found.baseline, cx, cy, doffs * factor, bound)


def _factor(stated: Size | None, size: Size, matrix: Array, path: Path | str) -> float:
    """Return the width of the views relative to the one that the file states, 1 where it states none."""
    if stated is None:  # then only a principal point near the middle shows that it was made for these
        cx, cy = matrix[:2, 2]
        _check_focal(matrix[0, 0], size, path)
        if not (0.3 <= (cx + 0.5) / size[1] <= 0.7 and 0.3 <= (cy + 0.5) / size[0] <= 0.7):
            raise FormatError(
                f"{path}: states no size of its images, and the principal point ({cx:g}, {cy:g}) is far from "
                f"the middle of views of {size[1]}x{size[0]}: made for another size? (state it in the file)"
            )
        return 1.0
    factor = size[1] / max(stated[1], 1)
    there = stated[0] * factor or size[0]
    if abs(size[0] - there) > max(2, 0.01 * size[0]) or not 1e-3 < factor < 1e3:
        raise FormatError(
            f"{path}: made for views of {stated[1]}x{stated[0]}, but they have "
            f"{size[1]}x{size[0]}, which is another shape: a part of them?"
        )
    if factor != 1:
        warn_once(
            ("scale", str(Path(path).parent), str(size)),
            "%s: made for a width of %d, scaled by %.4g to the views' %d",
            *(path, stated[1], factor, size[1]),
        )
    return factor


def _metres(entries: Entries, key: str, length: float, unit: str | None) -> float:
    """Return what a baseline is multiplied with to have it in metres; it has to be one of stereo cameras."""
    fitting = [name for name, factor in UNITS.items() if _SHORTEST <= length * factor <= _LONGEST]
    if unit is None and _SHORTEST <= length <= 1:
        unit = "m"
    elif unit is None and length >= _LONGEST and "mm" in fitting:
        unit = "mm"
        path = entries.path
        warn_once(("unit", str(path)), "%s: a baseline of %g is taken to be in millimetres", path, length)
    if unit is None:
        given = f"a baseline of {length:g} in the unit of the board's squares, which the file does not state"
        raise entries.error(
            key, f"it states {given}: unit=m, cm or mm was expected, or an entry 'unit' in the file"
        )
    if unit not in fitting:
        hint = f"; in {' or '.join(fitting)} it would be (unit=)" if fitting else ""
        raise entries.error(key, f"a baseline of 5 mm to 20 m was expected, not {length:g} {unit}{hint}")
    return UNITS[unit]


def _check_focal(focal: float, size: Size, path: Path | str) -> None:
    if not _WIDEST <= focal / size[1] <= _NARROWEST:
        raise FormatError(
            f"{path}: a focal length of {focal:g} pixels in images {size[1]} wide, but {_WIDEST:g} to "
            f"{_NARROWEST:g} times the width was expected (is it in millimetres?)"
        )
