"""Depth edges: where a disparity map passes from one surface to another, it shows points of neither."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from dsmnet.types import DisparityMap, Mask
from dsmnet.viz.color import known_pixels

# Pixels, share of the disparity: neighbours that differ by more are not of one surface. One that changes by
# so much from pixel to pixel would be seen edge-on.
JUMP = (0.7, 0.02)
SUPPORT = 4  # neighbours of the same surface: along a thin line a pixel has two, beside an edge five


def flying_pixels(disparity: DisparityMap, doffs: float = 0.0) -> Mask:
    """Return the pixels of a blurred depth edge, which as points would hang in the air between two surfaces.

    A pixel flies when one of its eight neighbours differs from it by more than 0.7 px or 2 % of the
    disparity, whichever is more, and fewer than four neighbours differ by less. So both sides of a sharp edge
    stay but for its sharpest corners; what lies within a blurred one goes, and so does what is one pixel
    wide. A pixel all of whose neighbours are unknown stays: a sparse map keeps its points. Shares are taken
    of ``disparity + doffs``, see `dsmnet.types.Calibration`.
    """
    known = known_pixels(disparity)
    total = np.pad(np.where(known, disparity + doffs, np.nan).astype(np.float32), 1, mode="edge")
    middle = total[1:-1, 1:-1]
    pixels, share = JUMP
    bound = np.maximum(pixels, share * np.abs(middle))
    height, width = disparity.shape
    same, other = np.zeros(disparity.shape, np.uint8), np.zeros(disparity.shape, np.bool_)
    for y, x in itertools.product(range(3), repeat=2):
        if (y, x) != (1, 1):
            jump = np.abs(total[y : y + height, x : x + width] - middle)  # nan where either is unknown
            same += jump <= bound
            other |= jump > bound
    return known & other & (same < SUPPORT)


def surface_slopes(disparity: DisparityMap, doffs: float = 0.0) -> NDArray[np.float32]:
    """Return by how much disparity changes from a pixel to the next on its surface, to the right and down.

    Of the steps to the two neighbours in a direction it is the smaller one, so that a pixel beside an edge
    has the slope of its own surface; 0 where neither neighbour is of that surface. [H, W, 2], pixels of
    disparity per pixel.
    """
    total = np.where(known_pixels(disparity), disparity + doffs, np.nan).astype(np.float32)
    slopes = np.empty((*disparity.shape, 2), np.float32)
    pixels, share = JUMP
    for place, axis in enumerate((1, 0)):
        wide = np.pad(total, [(1, 1) if i == axis else (0, 0) for i in (0, 1)], constant_values=np.nan)
        steps = np.diff(wide, axis=axis)
        before, after = (np.delete(steps, side, axis) for side in (-1, 0))
        step = np.where(np.abs(before) < np.abs(np.nan_to_num(after, nan=np.inf)), before, after)
        same = np.abs(step) <= np.maximum(pixels, share * np.abs(total))
        slopes[..., place] = np.where(same, step, 0)
    return slopes
