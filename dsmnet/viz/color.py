"""Numbers to colors: disparity maps, and errors on KITTI's logarithmic scale."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import ShapeError, UserError
from dsmnet.metrics.pixel_error import error_map, outlier_tolerance
from dsmnet.types import DisparityMap, Image, Mask

COLOR_MAP = "turbo"  # smooth in hue, so that a step in the picture is a step in disparity; never quite black

# KITTI's scale: ten colors, each spanning twice the error of the one before. The fifth boundary is the
# outlier threshold of D1, so blue is right and red is wrong.
ERROR_BOUNDARIES = 2.0 ** np.arange(-4, 5)  # in units of what D1 tolerates


def known_pixels(disparity: DisparityMap, valid: Mask | None = None) -> Mask:
    """Return where a disparity map is known: finite and `valid`, or without that finite and not 0.

    Where all negative values of a map are -1, they are marks of the unknown.
    """
    finite = np.isfinite(disparity)
    if valid is None:
        negative = disparity[finite & (disparity < 0)]
        return finite & ((disparity > 0) if (negative == -1).all() else (disparity != 0))
    if valid.shape != disparity.shape:
        raise ShapeError(f"valid mask {valid.shape} does not fit the disparity map {disparity.shape}")
    return finite & valid


def disparity_range(
    disparity: DisparityMap, valid: Mask | None = None, percentiles: tuple[float, float] = (1.0, 99.0)
) -> tuple[float, float]:
    """Return a range of the known disparities, pixels, that a few wild ones do not move; never empty."""
    values = disparity[known_pixels(disparity, valid)]
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, percentiles))
    return (low, high) if high - low > 1e-3 else (low - 0.5 if low < 0 else max(low - 0.5, 0.0), high + 0.5)


def check_limits(limits: Sequence[float] | None) -> tuple[float, float] | None:
    """Return the option ``limits=[low,high]`` as a range, None where it is not given."""
    if limits is None:
        return None
    try:
        low, high = (float(value) for value in limits)
    except (TypeError, ValueError):
        low = high = 0.0
    if not low < high:
        raise UserError(f"limits={limits}: expected [low,high] in pixels, low below high")
    return low, high


def color_table(name: str = COLOR_MAP, size: int = 256) -> NDArray[np.uint8]:
    """Return a matplotlib color map sampled evenly, RGB [size, 3]; UserError without one of that name."""
    if name not in matplotlib.colormaps:
        raise UserError(f"color_map={name}: matplotlib has no such map; expected turbo, viridis, magma, ...")
    return np.rint(matplotlib.colormaps[name](np.linspace(0, 1, size))[:, :3] * 255).astype(np.uint8)


def color_disparity(
    disparity: DisparityMap,
    limits: tuple[float, float] | None = None,
    valid: Mask | None = None,
    color_map: str = COLOR_MAP,
) -> Image:
    """Color a disparity map [H, W], pixels, as RGB [H, W, 3]: near is warm, far is cold, unknown is black.

    What lies outside `limits` (of the first and the last color, pixels; `disparity_range` without it) gets
    the nearer of the two. Known is what is `valid`, or without that finite and not 0.
    """
    known = known_pixels(disparity, valid)
    low, high = disparity_range(disparity, valid) if limits is None else limits
    level = np.clip((np.where(known, disparity, low) - low) / max(high - low, 1e-6), 0, 1)
    picture = color_table(color_map)[np.rint(level * 255).astype(np.uint8)]
    picture[~known] = 0
    return picture


def error_table() -> NDArray[np.uint8]:
    """Return KITTI's ten error colors, dark blue to dark red, RGB [10, 3].

    They are ColorBrewer's diverging red-yellow-blue scheme, which matplotlib has with eleven colors: the
    one in the middle is left out.
    """
    eleven = matplotlib.colormaps["RdYlBu_r"].resampled(11)(np.arange(11))[:, :3]
    return np.rint(np.delete(eleven, 5, axis=0) * 255).astype(np.uint8)


def color_error(
    prediction: DisparityMap, target: DisparityMap, valid: Mask | None = None, spread: int = 0
) -> Image:
    """Color the error of a disparity map on the logarithmic scale of the KITTI 2015 development kit.

    Source: the error images of the kit that comes with Menze and Geiger, "Object Scene Flow for Autonomous
    Vehicles", CVPR 2015. A pixel's error is taken relative to 3 px or 5 % of the ground truth, whichever is
    more.

    A prediction of nan counts as a disparity of 0. What is not `valid`, or without that not finite and
    positive, is black; `spread` is the radius in pixels by which sparse ground truth grows, to be seen.
    """
    known = known_pixels(target, valid)
    target = np.where(known, target, 0).astype(np.float32)
    error = error_map(np.nan_to_num(prediction, nan=0.0), target) / outlier_tolerance(target)
    error, known = grow(error, known, spread)
    # Right-closed classes: an error of exactly one tolerance is no outlier.
    picture = error_table()[np.digitize(error, ERROR_BOUNDARIES, right=True)]
    picture[~known] = 0
    return picture


def grow(values: DisparityMap, known: Mask, radius: int) -> tuple[DisparityMap, Mask]:
    """Let sparse values >= 0 grow into unknown pixels within `radius`, the largest first; known ones stay."""
    if radius <= 0:
        return values, known
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    grown = cv2.dilate(np.where(known, values, 0).astype(np.float32), disc)
    reached = cv2.dilate(known.astype(np.uint8), disc) > 0
    return np.where(known, values, grown).astype(np.float32), reached
