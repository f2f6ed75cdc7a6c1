"""Less flicker in a sequence: an average of the disparity over frames that begins anew where things move."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.options import check_number
from dsmnet.types import ConfidenceMap, DisparityMap, Image

_CHANGE = 8.0  # grey values of 255 by which a region of the view may change before it counts as moving
_REGION = 5  # pixels, side of such a region


@dataclass
class TemporalFilter:
    """Exponential average of each pixel over the frames of a sequence, weighted by confidence.

    ``average = (share w_old average_old + c d) / (share w_old + c)`` with confidence c and the weight
    ``w = share w_old + c``. It begins anew where the disparity changes by more than `reset`, where the left
    view changes, as on a moving edge, and where either disparity is unknown; so a moving camera has little
    of it. Frames are given in their order.
    """

    share: float  # of the weight of earlier frames that is kept, 0 to below 1
    reset: float = 1.0  # pixels
    _average: NDArray[np.float32] | None = field(default=None, init=False)
    _weight: NDArray[np.float32] | None = field(default=None, init=False)
    _view: NDArray[np.float32] | None = field(default=None, init=False)  # average of the left view, grey

    def __post_init__(self) -> None:
        check_number("temporal_filter", self.share, above=0, most=0.99)
        check_number("temporal_reset", self.reset, above=0, unit="pixels")

    def __call__(
        self, disparity: DisparityMap, left: Image, confidence: ConfidenceMap | None = None
    ) -> DisparityMap:
        """Return the filtered disparity of the next frame; unknown stays unknown."""
        view = _smooth_grey(left)
        trust = np.ones_like(disparity) if confidence is None else np.maximum(confidence, np.float32(1e-3))
        known = np.isfinite(disparity)
        if self._average is None or self._average.shape != disparity.shape:
            weight = np.zeros_like(disparity)
            average = disparity
        else:
            assert self._weight is not None
            assert self._view is not None
            with np.errstate(invalid="ignore"):  # of two that are unknown
                near = np.abs(disparity - self._average) <= self.reset
            kept = known & near & ~_moving(view - self._view)
            weight = np.where(kept, np.float32(self.share) * self._weight, np.float32(0))
            average = self._average
        total = weight + trust
        new = trust / total
        with np.errstate(invalid="ignore"):
            filtered = np.where(weight > 0, average + new * (disparity - average), disparity)
        if self._view is not None and self._view.shape == view.shape:
            view = np.where(weight > 0, self._view + new * (view - self._view), view)
        self._view = view
        self._average, self._weight = filtered.astype(np.float32), np.where(known, total, np.float32(0))
        return self._average


def _smooth_grey(view: Image) -> NDArray[np.float32]:
    grey = cv2.cvtColor(view, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grey, (3, 3), 0), np.float32)


def _moving(change: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the regions whose grey values change by more than noise, or than the light as a whole."""
    region = (_REGION, _REGION)
    moved = cv2.blur(np.abs(change - np.median(change)), region) > _CHANGE
    return np.asarray(cv2.dilate(moved.astype(np.uint8), np.ones(region, np.uint8)) > 0)
