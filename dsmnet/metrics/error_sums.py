"""Errors of some pixels as sums, which are pooled over images by adding them up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dsmnet.metrics.pixel_error import outliers

THRESHOLDS = {"bad0.5": 0.5, "bad1": 1.0, "bad2": 2.0, "bad3": 3.0}  # pixels


@dataclass(frozen=True)
class ErrorSums:
    """Number of pixels, sum of their errors, and how many of them are wrong by each measure."""

    pixels: int = 0
    error: float = 0.0  # sum of absolute errors, pixels; infinite where a prediction is not finite
    wrong: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys((*THRESHOLDS, "d1"), 0))
    non_finite: int = 0  # pixels whose prediction is nan or infinite

    @classmethod
    def from_errors(cls, error: NDArray[np.float32], target: NDArray[np.float32]) -> ErrorSums:
        """Count pixels, from absolute errors and true disparities, both in pixels and of any one shape."""
        wrong = {name: error > threshold for name, threshold in THRESHOLDS.items()}
        wrong["d1"] = outliers(error, target)
        counts = {name: int(np.count_nonzero(mask)) for name, mask in wrong.items()}
        return cls(error.size, float(error.astype(np.float64).sum()), counts, int(np.isinf(error).sum()))

    def __add__(self, other: ErrorSums) -> ErrorSums:
        wrong = {name: self.wrong[name] + other.wrong[name] for name in self.wrong}
        pixels, error = self.pixels + other.pixels, self.error + other.error
        return ErrorSums(pixels, error, wrong, self.non_finite + other.non_finite)

    def scores(self) -> dict[str, float]:
        """Return the EPE in pixels, bad-k and D1 in percent; nan without a pixel."""
        if not self.pixels:
            return dict.fromkeys(("epe", *self.wrong), math.nan)
        shares = {name: 100 * (number / self.pixels) for name, number in self.wrong.items()}
        return {"epe": self.error / self.pixels, **shares}
