"""Depth edges: where a disparity map passes from one surface to another, it shows points of neither."""

from __future__ import annotations

import itertools

import numpy as np

from dsmnet.protocols import DisparityMap, Mask
from dsmnet.viz.colour import known_pixels

JUMP = (1.0, 0.03)  # pixels, share of the disparity: neighbours that differ by more are not of one surface
SUPPORT = 3  # neighbours of the same surface: along an edge, however thin, a pixel has two


def flying_pixels(disparity: DisparityMap, doffs: float = 0.0) -> Mask:
    """Return the pixels of a blurred depth edge, which as points would hang in the air between two surfaces.

    A pixel flies when one of its eight neighbours differs from it by more than 1 px or 3 % of the disparity,
    whichever is more, and fewer than three neighbours differ by less. So both sides of a sharp edge stay;
    what lies within a blurred one goes, and so does what is one pixel wide. Unknown neighbours do not count,
    so that the points of a sparse map stay.

    Args:
        disparity: [H, W], pixels; 0 or not finite where unknown.
        doffs: pixels, see `dsmnet.protocols.Calibration`: shares are taken of ``disparity + doffs``.
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
