"""Disparity maps without gaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dsmnet.types import DisparityMap, Mask


def fill_gaps(disparity: DisparityMap, known: Mask, guess: DisparityMap | None = None) -> DisparityMap:
    """Return a map without gaps, [H, W], pixels.

    A gap takes the smaller one of the two known disparities beside it in its row, as background does; with a
    guess, the guess where it lies between these two, else the closer one of them. A row without any known
    pixel is that of the closest one that has some; zeros where there is none.

    Args:
        disparity: Disparity, [H, W], pixels.
        known: Pixels that are kept.
        guess: Disparity of less trust, everywhere, [H, W], pixels.
    """
    rows = np.flatnonzero(known.any(axis=1))
    if not len(rows):
        return np.zeros_like(disparity)
    before = _last_known(known)
    after = known.shape[1] - 1 - _last_known(known[:, ::-1])[:, ::-1]
    beside = [np.where(_at(known, place), _at(disparity, place), np.nan) for place in (before, after)]
    low = np.fmin(*beside)  # at the border there is one of them
    if guess is not None:
        low = np.clip(guess, low, np.fmax(*beside))
    closest = rows[np.abs(np.arange(len(known))[:, None] - rows).argmin(axis=1)]
    return low[closest].astype(np.float32)


def _last_known(known: Mask) -> NDArray[np.intp]:
    """Return for each pixel the column of the last known one up to it, in its row; 0 where there is none."""
    return np.maximum.accumulate(np.where(known, np.arange(known.shape[1]), 0), axis=1)


def _at(values: NDArray, columns: NDArray[np.intp]) -> NDArray:
    return np.take_along_axis(values, columns, axis=1)
