"""Changes of color, in both views alike or in each on its own."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.augment.fields import replace
from dsmnet.options import check_number, check_share
from dsmnet.types import Image, StereoSample

LUMA = np.array([0.299, 0.587, 0.114])  # BT.601: the weight of R, G, B in brightness
# Brightness, and two axes of color around it (YIQ, as the NTSC defines it).
_YIQ = np.array([LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


class RandomGainGamma:
    """Random gain, gamma and balance of the channels, for both views alike or for each on its own.

    Args:
        strength: Half the range of the logarithms of gain and gamma; 0 for none.
        asymmetric: Probability of different changes in the two views.
        probability: Probability of any change.

    Raises:
        UserError: An argument is out of range.
    """

    def __init__(self, strength: float = 0.3, asymmetric: float = 0.2, probability: float = 0.8) -> None:
        self.strength = check_number("strength", strength, least=0)
        self.asymmetric = check_share("asymmetric", asymmetric)
        self.probability = check_share("probability", probability)

    def _table(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A look-up table [256, 1, 3]."""
        gain = np.exp(
            rng.uniform(-self.strength, self.strength, 3) * 0.3 + rng.uniform(-1, 1) * self.strength
        )
        gamma = np.exp(rng.uniform(-self.strength, self.strength))
        ramp = np.linspace(0, 1, 256)[:, None] ** gamma * gain
        return (np.clip(ramp, 0, 1) * 255).round().astype(np.uint8)[:, None]

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


class ColorJitter:
    """Random brightness, contrast, saturation, hue and gamma, as most training recipes for stereo have.

    Brightness multiplies, contrast multiplies the distance to the mean brightness, saturation and hue scale
    and turn the colors around grey; being linear they are one matrix, clipped once at the end. The ranges
    are those of torchvision's ColorJitter, whose hue turns in HSV instead and whose order is random.

    Args:
        brightness: Half the range of the factor: 0.4 for 0.6 to 1.4.
        contrast: Half the range of the factor.
        saturation: Half the range of the factor.
        hue: Largest turn either way, as a part of a full turn.
        gamma: Largest logarithm of the exponent, either way.
        asymmetric: Probability of different changes in the two views.
        probability: Probability of any change.

    Raises:
        UserError: An argument is out of range.
    """

    def __init__(
        self,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.4,
        hue: float = 0.16,
        gamma: float = 0.0,
        asymmetric: float = 0.2,
        probability: float = 1.0,
    ) -> None:
        factors = {"brightness": brightness, "contrast": contrast, "saturation": saturation}
        self.factors = np.array([check_number(name, value, least=0) for name, value in factors.items()])
        self.hue, self.gamma = check_number("hue", hue, least=0), check_number("gamma", gamma, least=0)
        self.asymmetric = check_share("asymmetric", asymmetric)
        self.probability = check_share("probability", probability)

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
        low = np.maximum(1 - self.factors, 0)
        brightness, contrast, saturation = rng.uniform(low, 1 + self.factors)
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
