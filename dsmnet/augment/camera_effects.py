"""What real cameras add to rendered images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dsmnet.augment.camera import DEFAULTS, Cameras
from dsmnet.augment.fields import drop, replace
from dsmnet.types import StereoSample


class CameraEffects:
    """Noise, blur, vignetting and more: the cameras of the procedural pairs, for the pairs of other sets.

    Args:
        effects: Per effect of `dsmnet.augment.camera.DEFAULTS`, ``{"probability": p, "strength": s}``;
            what is not named is off.

    Raises:
        UserError: An effect of another name, or a value out of range.
    """

    def __init__(self, effects: Mapping[str, Mapping[str, float]]) -> None:
        self.cameras = Cameras({**{name: {"probability": 0.0} for name in DEFAULTS}, **effects})

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the changed sample."""
        left, right = np.ascontiguousarray(sample["left"]), np.ascontiguousarray(sample["right"])
        left, right = self.cameras(left, right, rng)
        if self.cameras.effects["vertical"].probability:  # the rows of the right view may have moved
            sample = drop(sample, "right_disparity", "right_valid")
        return replace(sample, left=left, right=right)
