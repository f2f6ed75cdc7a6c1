"""Changes of color and light, in both views alike or in each on its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.augment.fields import replace
from dsmnet.options import check_number, check_range, check_share, check_whole_range
from dsmnet.types import Image, StereoSample

LUMA = np.array([0.299, 0.587, 0.114])  # BT.601: the weight of R, G, B in brightness
# Brightness, and two axes of color around it (YIQ, as the NTSC defines it).
_YIQ = np.array([LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


@dataclass
class RandomGainGamma:
    """Random gain, gamma and balance of the channels, for both views alike or for each on its own."""

    strength: float = 0.3  # half the range of the logarithms of gain and gamma; 0 for none
    asymmetric: float = 0.2  # probability of different changes in the two views
    probability: float = 0.8  # of any change

    def __post_init__(self) -> None:
        check_number("strength", self.strength, least=0)
        check_share("asymmetric", self.asymmetric)
        check_share("probability", self.probability)

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the changed sample."""
        if rng.random() >= self.probability:
            return sample
        tables = [self._table(rng)] * 2
        if rng.random() < self.asymmetric:
            tables = [tables[0], self._table(rng)]
        left, right = (
            cv2.LUT(np.ascontiguousarray(image), table)
            for image, table in zip((sample["left"], sample["right"]), tables, strict=True)
        )
        return replace(sample, left=left, right=right)

    def _table(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Draw a look-up table [256, 1, 3]."""
        gain = np.exp(
            rng.uniform(-self.strength, self.strength, 3) * 0.3 + rng.uniform(-1, 1) * self.strength
        )
        gamma = np.exp(rng.uniform(-self.strength, self.strength))
        ramp = np.linspace(0, 1, 256)[:, None] ** gamma * gain
        return (np.clip(ramp, 0, 1) * 255).round().astype(np.uint8)[:, None]


@dataclass
class ColorJitter:
    """Random brightness, contrast, saturation, hue and gamma, as most training recipes for stereo have.

    Brightness multiplies, contrast multiplies the distance to the mean brightness, saturation and hue scale
    and turn the colors around grey; being linear they are one matrix, clipped once at the end. The ranges
    are those of torchvision's ColorJitter, whose hue turns in HSV instead and whose order is random.
    """

    brightness: float = 0.4  # half the range of the factor: 0.4 for 0.6 to 1.4
    contrast: float = 0.4  # half the range of the factor
    saturation: float | tuple[float, float] = 0.4  # half the range of the factor, or its least and largest
    hue: float = 0.16  # largest turn either way, as a part of a full turn
    gamma: float = 0.0  # largest logarithm of the exponent, either way
    asymmetric: float = 0.2  # probability of different changes in the two views
    probability: float = 1.0  # of any change

    def __post_init__(self) -> None:
        if isinstance(self.saturation, int | float):
            check_number("saturation", self.saturation, least=0)
            self.saturation = max(1 - self.saturation, 0), 1 + self.saturation
        check_range("saturation", self.saturation, least=0)
        for name in ("brightness", "contrast", "hue", "gamma"):
            check_number(name, getattr(self, name), least=0)
        check_share("asymmetric", self.asymmetric)
        check_share("probability", self.probability)

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the changed sample."""
        if rng.random() >= self.probability:
            return sample
        left, right = (np.ascontiguousarray(sample["left"]), np.ascontiguousarray(sample["right"]))
        means = [float(LUMA @ cv2.mean(image)[:3]) for image in (left, right)]
        changes = [self._draw(rng)] * 2
        if rng.random() < self.asymmetric:
            changes[1] = self._draw(rng)
        else:
            means = [(means[0] + means[1]) / 2] * 2
        left, right = (
            _twist(image, mean, *change)
            for image, mean, change in zip((left, right), means, changes, strict=True)
        )
        return replace(sample, left=left, right=right)

    def _draw(self, rng: np.random.Generator) -> tuple[float, float, float, float, float]:
        """Brightness, contrast, saturation, hue in turns, gamma."""
        least, largest = cast("tuple[float, float]", self.saturation)
        half_ranges = np.array([self.brightness, self.contrast], np.float64)
        low, high = [*np.maximum(1 - half_ranges, 0), least], [*(1 + half_ranges), largest]
        brightness, contrast, saturation = rng.uniform(low, high)
        hue = rng.uniform(-self.hue, self.hue)
        return brightness, contrast, saturation, hue, math.exp(rng.uniform(-self.gamma, self.gamma))


def _twist(
    image: Image, mean: float, brightness: float, contrast: float, saturation: float, hue: float, gamma: float
) -> Image:
    """Apply all five to an image of this mean brightness."""
    cosine, sine = math.cos(2 * math.pi * hue), math.sin(2 * math.pi * hue)
    colors = np.eye(3)
    colors[1:, 1:] = saturation * np.array([[cosine, -sine], [sine, cosine]])
    matrix = contrast * brightness * np.linalg.solve(_YIQ, colors @ _YIQ)
    # Grey has no color, so the mean brightness that contrast keeps is the same in all channels.
    offset = np.full((3, 1), (1 - contrast) * brightness * mean)
    changed = cv2.transform(image, np.hstack([matrix, offset]))
    if gamma != 1:
        ramp = np.linspace(0, 1, 256) ** gamma
        changed = cv2.LUT(changed, np.rint(255 * ramp).astype(np.uint8))
    return np.asarray(changed, np.uint8)


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
