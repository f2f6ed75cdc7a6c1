"""Photometric selection between two disparity maps of one view: the one by which the images match better."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.types import DisparityMap, Image

HIGH_PASS = 31  # pixels: brightness is compared with its mean over so many, since views differ in exposure
WINDOW = 21  # pixels: over which the matching error is averaged
CAP = 20 / 255  # of the white level: larger errors of a pixel count no more, it may be occluded


def select_photometrically(
    fine: DisparityMap, coarse: DisparityMap, left: Image, right: Image, shift: int, tolerance: float
) -> DisparityMap:
    """Return `fine`, but `coarse` where both lie more than `tolerance` apart and it matches no worse.

    Where there is no texture, both match alike. There the coarse map is the better guess: it was made from a
    wider view of the scene.

    Args:
        fine: Disparity, [H, W].
        coarse: Disparity, [H, W].
        left: Left view, [H, W, 3] or [H, W].
        right: Columns of the right view that any disparity can lead to, [H, W + n, ...].
        shift: Column of `right` that the left view's first column is matched with at disparity 0.
        tolerance: Difference that is no contradiction, pixels.
    """
    apart = np.abs(fine - coarse) > tolerance
    if not apart.any():
        return fine
    first, second = high_pass_brightness(left), high_pass_brightness(right)
    errors = (_matching_error(first, second, disparity, shift) for disparity in (fine, coarse))
    better = np.less(*errors)
    return np.where(apart & ~better, coarse, fine)


def high_pass_brightness(image: Image) -> NDArray[np.float32]:
    """Return the high-pass part of the brightness, in shares of white, [H, W]."""
    white = np.iinfo(image.dtype).max if np.issubdtype(image.dtype, np.integer) else 1
    grey = image.astype(np.float32) / np.float32(white)
    grey = grey if grey.ndim == 2 else grey[..., :3].mean(-1)
    return np.asarray(grey - cv2.blur(grey, (HIGH_PASS, HIGH_PASS)), np.float32)


def _matching_error(
    left: NDArray[np.float32], right: NDArray[np.float32], disparity: DisparityMap, shift: int
) -> NDArray[np.float32]:
    height, width = disparity.shape
    ys = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)
    xs = np.arange(width, dtype=np.float32) + np.float32(shift) - disparity
    warped = cv2.remap(right, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    error = np.minimum(np.abs(left - warped), np.float32(CAP))
    return np.asarray(cv2.blur(error, (WINDOW, WINDOW)), np.float32)
