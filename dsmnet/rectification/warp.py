"""Rectification of a calibrated rig: maps for both views, the calibration that results, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import DataError, ShapeError
from dsmnet.rectification.turned_rig import check_rig, quarter_turns, turn_rig, turned_axes
from dsmnet.types import Calibration, Camera, DisparityMap, Image, Mask, StereoRig

PixelMap = NDArray[np.float32]  # [H, W, 2]: x and y of a pixel of another view for each pixel of this one

SURFACE = 1.0  # pixels: disparities of four neighbours that differ by more are of two surfaces
_RETURN = 0.5  # pixels that the way to the rectified view and back may miss by
_ROUNDING = 1e-3  # pixels
_NOWHERE = -1e4  # pixels: outside of any view


@dataclass(frozen=True)
class Rectification:
    """How the views of a rig are warped so that their rows meet, and how maps come back.

    Views are matched turned by `turns` quarters where the cameras do not stand side by side, the left one on
    the left; results are upright.

    Attributes:
        left_map: Pixel of the raw left view for each pixel of the left view that is matched.
        right_map: The same of the right views.
        to_rectified: Pixel of the left view that is matched for each pixel of the raw left view.
        in_raw_left: Whether results are in the raw left view, as of an estimate; else in the rectified one.
        turns: Quarter turns counterclockwise (`np.rot90`) from the rectified views to those that are matched.
        calibration: Calibration of the rectified left view, upright; None without one of the cameras.
        rotation: From the axes of the raw left camera to those of the rectified one, upright, [3, 3].
        obliqueness: Depth along the axis of the raw left camera, relative to that along the axis of the
            rectified one, for each pixel of the raw left view; None where no depth is known.
    """

    left_map: PixelMap
    right_map: PixelMap
    to_rectified: PixelMap
    in_raw_left: bool = False
    turns: int = 0
    calibration: Calibration | None = None
    rotation: NDArray[np.float64] | None = None
    obliqueness: NDArray[np.float32] | None = None

    def views(self, left: Image, right: Image) -> tuple[Image, Image]:
        """Warp raw views into those that are matched, linearly.

        Outside it is black, as OpenCV has it, but after an estimate, which leaves little outside, the border
        is repeated, which misleads networks less.
        """
        if left.shape[:2] != self.to_rectified.shape[:2]:
            raise ShapeError(
                f"rectification is for views of {self.to_rectified.shape[:2]}, not {left.shape[:2]} "
                "(height, width)"
            )
        border = cv2.BORDER_REPLICATE if self.in_raw_left else cv2.BORDER_CONSTANT
        one, two = (
            cv2.remap(view, pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR, borderMode=border)
            for view, pixels in ((left, self.left_map), (right, self.right_map))
        )
        return np.asarray(one, left.dtype), np.asarray(two, right.dtype)

    @property
    def matched_calibration(self) -> Calibration | None:
        """Calibration of the views that are matched."""
        if self.calibration is None or self.calibration.cx is None or self.calibration.cy is None:
            return None
        height, width = self.to_rectified.shape[:2]  # of the raw view, which the upright one has too
        cx, cy = _turn(np.array([self.calibration.cx, self.calibration.cy]), (height, width), self.turns)
        return self.calibration._replace(cx=float(cx), cy=float(cy))

    @cached_property
    def valid(self) -> Mask:
        """Valid region: where the left view that is matched shows what the raw one does, [H, W]."""
        return inside(self.left_map, self.to_rectified.shape[:2])

    @cached_property
    def right_valid(self) -> Mask:
        """Where the right view that is matched shows what the raw one does, [H, W]."""
        return inside(self.right_map, self.to_rectified.shape[:2])

    def result(self, found: NDArray[np.float32], unknown: float = np.inf) -> NDArray[np.float32]:
        """Return a map of the left view that was matched in the view of the results, [H, W].

        Outside of the valid region it is `unknown`.
        """
        if self.in_raw_left:
            return self.in_raw(found, unknown)
        return np.rot90(np.where(self.valid, found, np.float32(unknown)), -self.turns).copy()

    def left_result(self, raw: Image, matched: Image) -> Image:
        """Return the left view that the results belong to, of the raw one and the one that was matched."""
        return raw if self.in_raw_left else np.rot90(matched, -self.turns).copy()

    def in_raw(self, found: NDArray[np.float32], unknown: float = np.inf) -> NDArray[np.float32]:
        """Return a map of the left view that was matched as seen in the raw left view, [h, w].

        Each raw pixel looks up where it lies in the other view, which has the same centre of projection:
        nothing is hidden and no holes arise. Within a surface it is linear, across an edge the nearest pixel.
        """
        x, y = self.to_rectified[..., 0], self.to_rectified[..., 1]
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

    def disparity_in_raw(self, result: DisparityMap) -> DisparityMap:
        """Return the disparity of `result` for each pixel of the raw left view, infinite where unknown."""
        return result if self.in_raw_left else self.in_raw(np.rot90(result, self.turns))


def rectify_rig(rig: StereoRig, size: tuple[int, int], alpha: float | None = 0.0) -> Rectification:
    """Rectify a calibrated rig with OpenCV's ``stereoRectify``, or of fisheye cameras its own.

    Args:
        rig: Cameras, both of one kind.
        size: Height and width of the views; the rectified ones have the same, turned where the rig is.
        alpha: 0 shows valid pixels only, 1 all pixels of the raw views, between them a compromise (of fisheye
            cameras: ``balance``); None leaves the focal length to OpenCV.

    Raises:
        DataError: The rig is none that can be rectified.
        ShapeError: It was calibrated with views of another size.
    """
    check_rig(rig, size)
    turns = quarter_turns(rig)
    left, right, rotation, translation = turn_rig(rig, size, turns)
    wide = size[:: 1 if turns % 2 else -1]  # (width, height) of the views that are matched
    cameras = left.matrix, left.distortion, right.matrix, right.distortion, wide
    pose = rotation, translation.reshape(3, 1)
    found: tuple[Any, ...]
    if left.fisheye:
        found = cv2.fisheye.stereoRectify(
            *(*cameras, *pose), flags=cv2.CALIB_ZERO_DISPARITY, newImageSize=wide, balance=alpha or 0.0
        )
    else:
        found = cv2.stereoRectify(
            *(*cameras, *pose), flags=cv2.CALIB_ZERO_DISPARITY, alpha=-1 if alpha is None else alpha
        )
    first, second, new_left, new_right = found[:4]
    focal, baseline = new_left[0, 0], -new_right[0, 3] / new_right[0, 0]
    if not (np.isfinite(new_left).all() and 1e-2 < focal < 1e6 and baseline > 0):
        raise DataError(
            f"the calibration leads to a rectified focal length of {focal:g} px and a baseline of "
            f"{baseline:g} m: it does not fit views of {size[1]}x{size[0]}"
        )
    left_map = _source(left, first, new_left, wide, size, turns)
    to_rectified, oblique = _target(left, first, new_left, left_map, size, turns)
    cx, cy = _turn_back(np.array([new_left[0, 2], new_left[1, 2]]), size, turns)
    axes = turned_axes(turns)
    return Rectification(
        left_map=left_map,
        right_map=_source(right, second, new_right, wide, size, turns),
        to_rectified=to_rectified,
        turns=turns,
        calibration=Calibration(float(focal), float(baseline), float(cx), float(cy)),
        rotation=axes.T @ first @ axes,
        obliqueness=oblique,
    )


def inside(pixels: PixelMap, size: tuple[int, ...]) -> Mask:
    """Return where a map leads into a view of `size`, and is no mirror image beyond a model's range."""
    x, y = pixels[..., 0], pixels[..., 1]
    within = (np.minimum(x, y) > -_ROUNDING) & (x < size[1] - 1 + _ROUNDING) & (y < size[0] - 1 + _ROUNDING)
    if min(x.shape) < 2:
        return within
    (xy, xx), (yy, yx) = np.gradient(x), np.gradient(y)
    return within & (xx * yy - xy * yx > 0)


def _source(
    camera: Camera, rotation: Any, new: Any, wide: tuple[int, ...], size: tuple[int, int], turns: int
) -> PixelMap:
    """Return the pixel of the raw view for each pixel of the view that is matched."""
    build: Any = cv2.fisheye.initUndistortRectifyMap if camera.fisheye else cv2.initUndistortRectifyMap
    x, y = build(camera.matrix, camera.distortion, rotation, new[:, :3], wide, cv2.CV_32FC1)
    return np.ascontiguousarray(_turn_back(np.stack([x, y], axis=-1), size, turns), np.float32)


def _target(
    camera: Camera, rotation: Any, new: Any, source: PixelMap, size: tuple[int, int], turns: int
) -> tuple[PixelMap, NDArray[np.float32]]:
    """Return `Rectification.to_rectified` and `Rectification.obliqueness`."""
    y, x = np.indices(size, np.float64)
    pixels = _turn(np.stack([x, y], axis=-1), size, turns).reshape(-1, 1, 2)
    steps = cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-10
    undistort: Any = cv2.fisheye.undistortPoints if camera.fisheye else cv2.undistortPoints
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


def _turn(points: NDArray[Any], size: tuple[int, int], turns: int) -> NDArray[Any]:
    """Return where points (x, y) of a view of `size` lie after so many quarter turns of `np.rot90`."""
    x, y, (height, width) = points[..., 0], points[..., 1], size
    turned = ((x, y), (y, width - 1 - x), (width - 1 - x, height - 1 - y), (height - 1 - y, x))
    return np.stack(turned[turns], axis=-1)


def _turn_back(points: NDArray[Any], size: tuple[int, int], turns: int) -> NDArray[Any]:
    """Undo `_turn`; `size` is that of the upright view."""
    height, width = size
    return _turn(points, (width, height) if turns % 2 else size, -turns % 4)
