"""Transforms one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dsmnet.types import StereoSample

Transform = Callable[[StereoSample, np.random.Generator], StereoSample]


class Compose:
    """Transforms one after the other.

    Args:
        steps: Transforms in their order, by name in a configuration; None leaves a step out.
    """

    def __init__(self, steps: Mapping[str, Transform | None] | Sequence[Transform]) -> None:
        given = steps.values() if isinstance(steps, Mapping) else steps
        self.steps = [step for step in given if step is not None]

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the changed sample."""
        for step in self.steps:
            sample = step(sample, rng)
        return sample
