"""One transform after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dsmnet.types import StereoSample

Transform = Callable[[StereoSample, np.random.Generator], StereoSample]


class Compose:
    """One transform after the other.

    Args:
        steps: In this order.
    """

    def __init__(self, steps: Sequence[Transform]) -> None:
        self.steps = steps

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the changed sample."""
        for step in self.steps:
            sample = step(sample, rng)
        return sample
