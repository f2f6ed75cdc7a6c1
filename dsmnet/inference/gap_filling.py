"""Disparity maps without gaps."""

from __future__ import annotations

import numpy as np

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
    beside = known_beside(disparity, known)
    low = np.fmin(*beside)  # at the border there is one of them
    if guess is not None:
        low = np.clip(guess, low, np.fmax(*beside))
    closest = rows[np.abs(np.arange(len(known))[:, None] - rows).argmin(axis=1)]
    return low[closest].astype(np.float32)


def known_beside(disparity: DisparityMap, known: Mask) -> tuple[DisparityMap, DisparityMap]:
    """Return the nearest known disparities of a row up to each pixel and from it on; NaN where is none."""
    columns = np.arange(known.shape[1])
    before = np.maximum.accumulate(np.where(known, columns, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, columns, columns.size)[:, ::-1], axis=1)[:, ::-1]
    # One more column at the end: both "none before" (-1) and "none after" (W) point at it.
    padded = np.pad(disparity, ((0, 0), (0, 1)), constant_values=np.nan)
    return np.take_along_axis(padded, before, 1), np.take_along_axis(padded, after, 1)
