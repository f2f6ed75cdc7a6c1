"""Less flicker in a sequence: an average of the disparity over frames that begins anew where things move."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.options import check_number
from dsmnet.types import ConfidenceMap, DisparityMap, Image

_CHANGE = 8.0  # grey values of 255 by which a region of the view may change before it counts as moving
_DRIFT = 0.25  # of `reset`: how far a region may lie behind before its disparity counts as moving
_REGION = 5  # pixels, side of such a region


class _Past(NamedTuple):
    """What is known of each pixel from earlier frames, [H, W] float32."""

    average: NDArray[np.float32]  # disparity
    weight: NDArray[np.float32]
    drift: NDArray[np.float32]  # average of the changes, pixels
    view: NDArray[np.float32]  # average of the left view, grey


@dataclass
class TemporalFilter:
    """Exponential average of each pixel over the frames of a sequence, weighted by confidence.

    ``average = (share w_old average_old + c d) / (share w_old + c)`` with confidence c and the weight
    ``w = share w_old + c``. It begins anew where the disparity changes by more than `reset`, where a region
    keeps changing in one direction, so that it lags by half of that at most, where the left view changes, as
    on a moving edge, and where either disparity is unknown; so a moving camera has little of it. Frames are
    given in their order.
    """

    share: float  # of the weight of earlier frames that is kept, 0 to below 1
    reset: float = 1.0  # pixels
    _past: _Past | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        check_number("temporal_filter", self.share, above=0, most=0.99)
        check_number("temporal_reset", self.reset, above=0, unit="pixels")

    def __call__(
        self, disparity: DisparityMap, left: Image, confidence: ConfidenceMap | None = None
    ) -> DisparityMap:
        """Return the filtered disparity of the next frame; unknown stays unknown."""
        grey, region = cv2.cvtColor(left, cv2.COLOR_RGB2GRAY).astype(np.float32), (_REGION, _REGION)
        view, none = np.asarray(cv2.GaussianBlur(grey, (3, 3), 0), np.float32), np.zeros_like(disparity)
        trust = np.ones_like(disparity) if confidence is None else np.maximum(confidence, np.float32(1e-3))
        past = self._past
        if past is None or past.average.shape != disparity.shape:
            past = _Past(disparity, none, none, view)
        with np.errstate(invalid="ignore"):  # of two that are unknown
            change = disparity - past.average
        near, share = np.abs(change) <= self.reset, np.float32(self.share)
        drift = share * past.drift + (1 - share) * np.where(near, change, np.float32(0))
        drifts = np.abs(cv2.blur(drift, region)) > _DRIFT * self.reset
        # By more than noise, or than the light as a whole.
        moved = cv2.blur(np.abs(view - past.view - np.median(view - past.view)), region) > _CHANGE
        kept = near & ~drifts & (cv2.dilate(moved.astype(np.uint8), np.ones(region, np.uint8)) == 0)
        weight = np.where(kept, share * past.weight, none)
        new = trust / (weight + trust)
        averaged = weight > 0
        with np.errstate(invalid="ignore"):
            filtered = np.where(averaged, past.average + new * change, disparity).astype(np.float32)
        view = np.where(averaged, past.view + new * (view - past.view), view)
        total = np.where(np.isfinite(disparity), weight + trust, none)
        self._past = _Past(filtered, total, np.where(kept, drift, none), view)
        return filtered
