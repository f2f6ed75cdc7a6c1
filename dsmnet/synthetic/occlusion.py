"""Which pixels of the left view the right one shows too."""

from __future__ import annotations

import numpy as np

from dsmnet.synthetic.render import View
from dsmnet.types import Mask

_TOLERANCE = 1.0  # pixels of disparity: what is less far in front hides a strip less than a pixel wide


def non_occluded(left: View, right: View) -> Mask:
    """Return where the left pixel's point falls on a right pixel that shows nothing in front of it.

    Pixel (x, y) with disparity d falls on the right pixel nearest to (x - d, y). Surfaces never fold over
    themselves, so meeting the same body again means seeing the same point.
    """
    height, width = left.disparity.shape
    x = np.arange(width, dtype=np.float32) - left.disparity
    column = np.rint(x).astype(np.intp)
    inside = (column >= 0) & (column < width)
    np.clip(column, 0, width - 1, out=column)
    flat = column + np.arange(height, dtype=np.intp)[:, None] * width
    same = right.body.ravel().take(flat) == left.body
    behind = right.disparity.ravel().take(flat) <= left.disparity + np.float32(_TOLERANCE)
    return np.asarray(inside & (same | behind))
