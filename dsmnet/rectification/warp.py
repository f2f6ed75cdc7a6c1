"""Rectification of a calibrated rig: maps for both views, the calibration that results, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import DataError, ShapeError
from dsmnet.types import Calibration, Camera, Image, Mask, StereoRig

PixelMap = NDArray[np.float32]  # [H, W, 2]: x and y of a pixel of another view for each pixel of this one

SURFACE = 1.0  # pixels: disparities of four neighbours that differ by more are of two surfaces
_RETURN = 0.5  # pixels that the way to the rectified view and back may miss by
_ROUNDING = 1e-3  # pixels
_NOWHERE = -1e4  # pixels: outside of any view


@dataclass(frozen=True)
class Rectification:
    """How the views of a rig are warped so that their rows meet, and how maps come back.

    Where the cameras do not stand side by side, the left one on the left, rectified views are turned to be
    matched, and results are turned back.

    Attributes:
        left_map: Pixel of the raw left view for each pixel of the rectified one.
        right_map: The same of the right views.
        look_up: Returns for each pixel of the raw left view that of the rectified one, and depth along the
            axis of the raw camera relative to that along the rectified one; called where it is needed.
        in_raw_left: Whether results are in the raw left view, as of an estimate; else in the rectified one.
        turns: Quarter turns counterclockwise (`np.rot90`) from the rectified views to those that are matched.
        calibration: Calibration of the rectified left view; None without one of the cameras.
        rotation: From the axes of the raw left camera to those of the rectified one, [3, 3].
    """

    left_map: PixelMap
    right_map: PixelMap
    look_up: Callable[[], tuple[PixelMap, NDArray[np.float32]]]
    in_raw_left: bool = False
    turns: int = 0
    calibration: Calibration | None = None
    rotation: NDArray[np.float64] | None = None

    def views(self, left: Image, right: Image) -> tuple[Image, Image]:
        """Warp raw views into rectified ones, linearly.

        Outside it is black, as OpenCV has it, but after an estimate, which leaves little outside, the border
        is repeated, which misleads networks less.
        """
        if left.shape[:2] != self.valid.shape:
            raise ShapeError(
                f"rectification is for views of {self.valid.shape}, not {left.shape[:2]} (height, width)"
            )
        border = cv2.BORDER_REPLICATE if self.in_raw_left else cv2.BORDER_CONSTANT
        one, two = (
            cv2.remap(view, pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR, borderMode=border)
            for view, pixels in ((left, self.left_map), (right, self.right_map))
        )
        return np.asarray(one, left.dtype), np.asarray(two, right.dtype)

    @cached_property
    def valid(self) -> Mask:
        """Valid region: where the rectified left view shows what the raw one does, [H, W]."""
        (height, width), x, y = self.left_map.shape[:2], self.left_map[..., 0], self.left_map[..., 1]
        within = (np.minimum(x, y) > -_ROUNDING) & (x < width - 1 + _ROUNDING) & (y < height - 1 + _ROUNDING)
        if min(x.shape) < 2:
            return within
        (xy, xx), (yy, yx) = np.gradient(x), np.gradient(y)
        return within & (xx * yy - xy * yx > 0)  # else a mirror image, beyond the range of the lens model

    def result(self, found: NDArray[np.float32], unknown: float = np.inf) -> NDArray[np.float32]:
        """Return a map of the left view as it was matched in the view of the results, [H, W].

        Outside of the valid region it is `unknown`.
        """
        upright = np.rot90(found, -self.turns)
        if self.in_raw_left:
            return self.in_raw(upright, unknown)
        return np.where(self.valid, upright, np.float32(unknown))

    def in_raw(self, found: NDArray[np.float32], unknown: float = np.inf) -> NDArray[np.float32]:
        """Return a map of the rectified left view as seen in the raw left view, [H, W].

        Each raw pixel looks up where it lies in the other view, which has the same centre of projection:
        nothing is hidden and no holes arise. Within a surface it is linear, across an edge the nearest pixel.
        """
        x, y = np.moveaxis(self.look_up()[0], -1, 0)
        height, width = found.shape
        known = np.where(self.valid & np.isfinite(found), found, np.nan).astype(np.float32)
        smooth = cv2.remap(known, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        corners = np.stack([known[:-1, :-1], known[1:, :-1], known[:-1, 1:], known[1:, 1:]])
        span = np.pad(corners.max(axis=0) - corners.min(axis=0), (0, 1), mode="edge")
        row, column = (np.floor(side).astype(np.int64) for side in (y, x))
        surface = span[row.clip(0, height - 1), column.clip(0, width - 1)] <= SURFACE  # no nan is
        row, column = (np.rint(side).astype(np.int64) for side in (y, x))
        nearest = known[row.clip(0, height - 1), column.clip(0, width - 1)]
        values = np.where(surface, smooth, nearest)
        seen = (row >= 0) & (column >= 0) & (row < height) & (column < width) & ~np.isnan(values)
        return np.where(seen, values, np.float32(unknown)).astype(np.float32)


def rectify_rig(rig: StereoRig, size: tuple[int, int], alpha: float | None = 0.0) -> Rectification:
    """Rectify a calibrated rig with OpenCV's ``stereoRectify``, or of fisheye cameras its own.

    Args:
        rig: Cameras, both of one kind.
        size: Height and width of the views, and of the rectified ones.
        alpha: 0 shows valid pixels only, 1 all pixels of the raw views, between them a compromise (of fisheye
            cameras: ``balance``); None leaves the focal length to OpenCV.

    Raises:
        DataError: The cameras are of two kinds, stand one behind the other, or do not fit the views.
        ShapeError: It was calibrated with views of another size.
    """
    for camera in rig[:2]:
        if camera.size not in (None, size):
            raise ShapeError(
                f"calibration: made with images of (height, width) {camera.size}, the views have {size}"
            )
    if rig.left.fisheye != rig.right.fisheye:
        raise DataError("calibration: one camera is a fisheye, the other is not; expected two of a kind")
    turns, wide = quarter_turns(rig), size[::-1]
    left, right = rig[:2]
    lenses = left.matrix, left.distortion, right.matrix, right.distortion, wide
    pose = rig.rotation, rig.translation.reshape(3, 1)
    flags, found = cv2.CALIB_ZERO_DISPARITY, tuple[Any, ...]()
    if not left.fisheye:
        found = cv2.stereoRectify(*(*lenses, *pose), flags=flags, alpha=-1 if alpha is None else alpha)
    elif turns % 2 == 0:
        found = cv2.fisheye.stereoRectify(
            *(*lenses, *pose), flags=flags, newImageSize=wide, balance=alpha or 0.0
        )
    else:
        found = _rectify_upright_fisheyes(left, right, wide, pose, alpha or 0.0)
    first, second, new_left, new_right = found[:4]
    focal, baseline = float(new_left[0, 0]), float(np.linalg.norm(rig.translation))
    if not (np.isfinite(new_left).all() and 1e-2 < focal < 1e6):
        raise DataError(
            f"the calibration leads to a rectified focal length of {focal:g} px: it does not fit views of "
            f"{size[1]}x{size[0]}"
        )
    left_map = _source(left, first, new_left, wide)
    return Rectification(
        left_map=left_map,
        right_map=_source(right, second, new_right, wide),
        look_up=cache(partial(_target, left, first, new_left, left_map)),
        turns=turns,
        calibration=Calibration(focal, baseline, float(new_left[0, 2]), float(new_left[1, 2])),
        rotation=first,
    )


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


def turned_calibration(calibration: Calibration, size: tuple[int, ...], turns: int) -> Calibration:
    """Return the calibration of views of `size` (height, width) after so many quarter turns of `np.rot90`."""
    (height, width), x, y = size[:2], calibration.cx, calibration.cy
    if x is None or y is None:
        return calibration
    turned = ((x, y), (y, width - 1 - x), (width - 1 - x, height - 1 - y), (height - 1 - y, x))[turns]
    return calibration._replace(cx=turned[0], cy=turned[1])


def _rectify_upright_fisheyes(
    left: Camera, right: Camera, wide: tuple[int, ...], pose: tuple[Any, Any], balance: float
) -> tuple[Any, ...]:
    """Do what ``fisheye.stereoRectify`` does, which knows cameras side by side alone, for upright ones.

    The rotations depend on the pose alone, so that those of pinhole cameras serve.
    """
    ideal, none = np.eye(3), np.zeros(4)
    first, second = cv2.stereoRectify(ideal, none, ideal, none, wide, *pose)[:2]
    new = [
        cv2.fisheye.estimateNewCameraMatrixForUndistortRectify(
            camera.matrix, camera.distortion, wide, turn, balance=balance
        )
        for camera, turn in ((left, first), (right, second))
    ]
    focal, centre = min(matrix[1, 1] for matrix in new), np.mean([matrix[:2, 2] for matrix in new], axis=0)
    shared = np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]])
    return first, second, shared, shared


def _source(camera: Camera, rotation: Any, new: Any, wide: tuple[int, ...]) -> PixelMap:
    """Return the pixel of the raw view for each pixel of the rectified one."""
    build: Any = cv2.fisheye.initUndistortRectifyMap if camera.fisheye else cv2.initUndistortRectifyMap
    return np.stack(
        build(camera.matrix, camera.distortion, rotation, new[:, :3], wide, cv2.CV_32FC1), axis=-1
    )


def _target(
    camera: Camera, rotation: Any, new: Any, source: PixelMap
) -> tuple[PixelMap, NDArray[np.float32]]:
    """Return what `Rectification.look_up` does."""
    size = source.shape[:2]
    y, x = np.indices(size, np.float64)
    steps = cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-8
    undistort: Any = cv2.fisheye.undistortPoints if camera.fisheye else cv2.undistortPoints
    pixels = np.stack([x, y], axis=-1).reshape(-1, 1, 2)
    rays = undistort(pixels, camera.matrix, camera.distortion, criteria=steps).reshape(*size, 2)
    with np.errstate(all="ignore"):
        rays = np.concatenate([rays, np.ones((*size, 1))], axis=-1) @ rotation.T
        target = (rays @ new[:, :3].T / rays[..., 2:])[..., :2]
        ahead = (rays[..., 2:] > 1e-3) & (np.abs(target) < -_NOWHERE)
        target = np.where(ahead, target, _NOWHERE).astype(np.float32)
        back = [
            cv2.remap(source[..., axis], target[..., 0], target[..., 1], cv2.INTER_LINEAR, borderValue=-1e9)
            for axis in (0, 1)
        ]
        miss = np.maximum(np.abs(back[0] - x), np.abs(back[1] - y))
        # Iterations may end elsewhere. Beside the border of the source there is nothing to come back from.
        target[(miss > _RETURN) & (back[0] > _NOWHERE)] = _NOWHERE
        return target, (1 / np.maximum(rays[..., 2], 1e-3)).astype(np.float32)
