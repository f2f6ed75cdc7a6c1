"""Checks of a rig before it is rectified."""

from __future__ import annotations

import cv2
import numpy as np

from dsmnet.errors import DataError, ShapeError
from dsmnet.types import StereoRig

# Number of distortion coefficients that OpenCV's models have.
_PINHOLE, _FISHEYE = (0, 4, 5, 8, 12, 14), (4,)


def check_rig(rig: StereoRig, size: tuple[int, int]) -> None:
    """Refuse a rig that no cameras can have, or whose cameras saw views of another size.

    Raises:
        DataError: A number is not finite or impossible, or the cameras are of different kinds.
        ShapeError: It was calibrated for another size.
    """
    for name, camera in (("left", rig.left), ("right", rig.right)):
        matrix, counts = np.asarray(camera.matrix), _FISHEYE if camera.fisheye else _PINHOLE
        if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or min(matrix[0, 0], matrix[1, 1]) <= 0:
            raise DataError(f"calibration: the {name} camera has no matrix of finite, positive focal lengths")
        if not np.isfinite(camera.distortion).all() or np.size(camera.distortion) not in counts:
            kind = "4 of a fisheye" if camera.fisheye else "4, 5, 8, 12 or 14"
            raise DataError(f"calibration: {name} camera, expected {kind} finite distortion coefficients")
        if camera.size is not None and tuple(camera.size) != tuple(size):
            raise ShapeError(
                f"calibration: the {name} camera was calibrated with images of {camera.size[1]}x"
                f"{camera.size[0]}, the views have {size[1]}x{size[0]}"
            )
    if rig.left.fisheye != rig.right.fisheye:
        raise DataError("calibration: one camera is a fisheye, the other is not; expected two of a kind")
    turn, shift = np.asarray(rig.rotation, np.float64), np.asarray(rig.translation, np.float64).ravel()
    proper = turn.shape == (3, 3) and np.isfinite(turn).all() and np.linalg.det(turn) > 0
    if not proper or np.abs(turn @ turn.T - np.eye(3)).max() > 1e-2:
        raise DataError("calibration: expected a rotation between the cameras, an orthogonal matrix")
    if shift.shape != (3,) or not np.isfinite(shift).all() or np.linalg.norm(shift) < 1e-6:
        raise DataError(f"calibration: expected cameras that stand apart, translation in metres, not {shift}")


def quarter_turns(rig: StereoRig) -> int:
    """Return how often the views have to be turned (`np.rot90`) for the right camera to stand on the right.

    0: it stands there; 1: below the left one; 2: on its left; 3: above it.

    Raises:
        DataError: The cameras stand one behind the other.
    """
    half, _ = cv2.Rodrigues(cv2.Rodrigues(rig.rotation)[0] / -2)  # axes halfway between both cameras
    x, y, z = half @ np.ravel(rig.translation)
    if abs(z) > max(abs(x), abs(y)):
        raise DataError("calibration: the cameras stand one behind the other, which no rectification mends")
    if abs(x) >= abs(y):
        return 0 if x < 0 else 2
    return 1 if y < 0 else 3
