"""Light that falls on a scene in one view and not in the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsmnet.augment.fields import replace
from dsmnet.options import check_number, check_range, check_share, check_whole_range
from dsmnet.types import Image, StereoSample


@dataclass
class LocalLight:
    """Brighten or darken parts of one view, as a lamp or a cloud does between two exposures.

    Each part is an ellipse whose edge is anything between sharp and wide. Color changes of a whole view
    (`RandomGainGamma`) are taken away again by an instance norm; these are not.
    """

    strength: float = 1.0  # largest logarithm of a part's gain, either way
    count: tuple[int, int] = (1, 3)  # fewest and most parts
    size: tuple[float, float] = (0.05, 0.5)  # smallest and largest radius, as shares of the view's width
    probability: float = 0.25

    def __post_init__(self) -> None:
        check_number("strength", self.strength, least=0)
        check_whole_range("count", self.count)
        check_range("size", self.size, least=0.001)
        check_share("probability", self.probability)

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the changed sample."""
        if rng.random() >= self.probability:
            return sample
        if rng.random() < 0.5:
            return replace(sample, left=self._lit(sample["left"], rng))
        return replace(sample, right=self._lit(sample["right"], rng))

    def _lit(self, image: Image, rng: np.random.Generator) -> Image:
        """The image under one to several lights."""
        height, width = image.shape[:2]
        gain = np.zeros((height, width), np.float32)
        for _ in range(rng.integers(*self.count, endpoint=True)):
            radius = width * math.exp(rng.uniform(*np.log(self.size)))
            edge = math.exp(rng.uniform(math.log(0.02), math.log(1.0)))  # in radii
            within = (1 - _distance(height, width, radius, rng)) / edge
            gain += np.float32(rng.uniform(-self.strength, self.strength)) * (0.5 + 0.5 * np.tanh(within))
        return np.clip(image * np.exp(gain)[..., None], 0, 255).round().astype(np.uint8)


def _distance(height: int, width: int, radius: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Distance [H, W] from a random centre, in radii of a randomly turned ellipse."""
    x = np.arange(width, dtype=np.float32)[None] - np.float32(rng.uniform(0, width))
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32(rng.uniform(0, height))
    angle, flat = rng.uniform(0, math.pi), math.exp(rng.uniform(0, math.log(3)))
    along = (x * math.cos(angle) + y * math.sin(angle)) / (radius * math.sqrt(flat))
    across = (y * math.cos(angle) - x * math.sin(angle)) * math.sqrt(flat) / radius
    return np.hypot(along, across).astype(np.float32)
