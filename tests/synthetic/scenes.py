"""Small scenes for the tests of the generator."""

from __future__ import annotations

from typing import Any

import numpy as np

from dsmnet.augment.camera import DEFAULTS
from dsmnet.synthetic import SyntheticStereo
from dsmnet.types import StereoSample

OFF = {name: {"probability": 0.0} for name in DEFAULTS}
SMALL: dict[str, Any] = {"size": (96, 192), "largest_disparity": 48.0, "min_near": 12.0}
PLAIN = {"glints": 0.0, "reflections": 0.0, "glare": 0.0}


def clean(**options: Any) -> SyntheticStereo:
    """The pairs as perfect cameras would see them."""
    return SyntheticStereo(**{**SMALL, **PLAIN, "camera": OFF, **options})


def equal(one: StereoSample, other: StereoSample) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)  # type: ignore[literal-required]
