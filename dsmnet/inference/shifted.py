"""Disparities that begin elsewhere than at 0, as of cameras that converge: for any matcher, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dsmnet.errors import UserError
from dsmnet.inference.search import DEFAULT_RANGE, widened
from dsmnet.options import check_whole
from dsmnet.types import ConfidenceMap, DisparityMap, Matcher, WrappedMatcher

MOST = 2**15  # pixels, of either sign


@dataclass(frozen=True)
class ShiftedMatcher(WrappedMatcher):
    """A matcher that searches from `min_disparity` to `max_disparity`, from one that searches from 0.

    The right view is moved so that the least disparity becomes 0, its border repeated, and the result is
    corrected.
    """

    min_disparity: int

    def predict(self, left: Any, right: Any, max_disparity: int | None = None) -> DisparityMap:
        """Match one pair; disparities are at least `min_disparity` and below `max_disparity`."""
        found = self.inner.predict(left, *self._moved(right, max_disparity))
        return found + np.float32(self.min_disparity)

    def predict_with_sharpness(
        self, left: Any, right: Any, max_disparity: int | None = None
    ) -> tuple[DisparityMap, ConfidenceMap]:
        """Match one pair as `predict` does; return disparity and sharpness."""
        found, sharpness = self.inner.predict_with_sharpness(left, *self._moved(right, max_disparity))
        return found + np.float32(self.min_disparity), sharpness

    def _moved(self, right: Any, max_disparity: int | None) -> tuple[Any, int]:
        """Return the right view with column ``x - min_disparity`` at x, and the range that is searched."""
        across = -1 if isinstance(right, Tensor) or right.ndim == 2 else 1
        width = right.shape[across]
        most = widened(DEFAULT_RANGE, width) if max_disparity is None else max_disparity
        if most <= self.min_disparity:
            raise UserError(
                f"min_disparity={self.min_disparity}: expected less than max_disparity={most}, the end of "
                "the search range"
            )
        columns = np.clip(np.arange(width) - self.min_disparity, 0, width - 1)
        if isinstance(right, Tensor):
            moved = right.index_select(across, torch.from_numpy(columns).to(right.device))
        else:
            moved = np.take(right, columns, axis=across)
        return moved, most - self.min_disparity


def from_min_disparity(matcher: Matcher, min_disparity: int) -> Matcher:
    """Return a matcher that searches from `min_disparity` on; itself with 0 or without a range."""
    check_whole("min_disparity", min_disparity, least=-MOST, most=MOST, unit="pixels")
    return ShiftedMatcher(matcher, min_disparity) if min_disparity and matcher.has_range else matcher
