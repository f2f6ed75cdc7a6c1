"""Calibration of two cameras by their sensor_msgs/CameraInfo."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import DataError, shown
from dsmnet.io.calibration import checked
from dsmnet.types import Calibration, Camera, StereoRig

_FISHEYE = ("equidistant", "fisheye")
_MODELS = ("plumb_bob", "rational_polynomial", *_FISHEYE)


class CameraInfo(NamedTuple):
    """The numbers of a sensor_msgs/CameraInfo."""

    width: int
    height: int
    distortion_model: str
    D: NDArray[np.float64]  # [any number]
    K: NDArray[np.float64]  # [9], row by row, as R and P
    R: NDArray[np.float64]  # [9]
    P: NDArray[np.float64]  # [12]


def rectified_calibration(left: CameraInfo, right: CameraInfo, where: str) -> Calibration | None:
    """Return the calibration of the rectified images, by the matrices P; None where they state no baseline.

    Raises:
        FormatError: The numbers are none that cameras can have; `where` names the bag.
    """
    first, second = left.P.reshape(3, 4), right.P.reshape(3, 4)
    if not (first[0, 0] and second[0, 0]) or first[0, 3] == second[0, 3]:
        return None
    baseline = first[0, 3] / first[0, 0] - second[0, 3] / second[0, 0]
    focal, cx, cy = float(first[0, 0]), float(first[0, 2]), float(first[1, 2])
    return checked(Calibration(focal, float(baseline), cx, cy, float(second[0, 2]) - cx), where)


def raw_rig(left: CameraInfo, right: CameraInfo, where: str) -> StereoRig:
    """Return both cameras before rectification, and where the right one stands, by K, D, R and P.

    R turns a camera to its rectified pose, and there P says how far apart they are, so that
    ``x_right = R_right^T (R_left x_left + t)``.

    Raises:
        DataError: A distortion model is not known; `where` names the bag.
    """
    first, second = left.P.reshape(3, 4), right.P.reshape(3, 4)
    shift = second[:2, 3] / second[[0, 1], [0, 1]] - first[:2, 3] / first[[0, 1], [0, 1]]
    back = right.R.reshape(3, 3).T
    rotation, translation = back @ left.R.reshape(3, 3), back @ np.append(shift, 0.0)
    return StereoRig(_camera(left, where), _camera(right, where), rotation, translation)


def is_rectified(info: CameraInfo) -> bool:
    """Whether images need no rectification: no distortion, no rotation, and P has the focal length of K."""
    straight = np.allclose(info.R, np.eye(3).ravel(), atol=1e-6) or not info.R.any()
    same = np.allclose(info.K.reshape(3, 3), info.P.reshape(3, 4)[:, :3], atol=1e-3)
    return not info.D.any() and straight and same


def _camera(info: CameraInfo, where: str) -> Camera:
    if info.distortion_model not in _MODELS:
        raise DataError(
            f"{where}: distortion model {shown(info.distortion_model)}; expected one of {', '.join(_MODELS)}"
        )
    size = (info.height, info.width)
    return Camera(info.K.reshape(3, 3), info.D, size, info.distortion_model in _FISHEYE)
