"""What two cameras do to what they see: each effect drawn for each view apart, each with its own switch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.augment.fields import drop, replace
from dsmnet.errors import UserError
from dsmnet.types import Image, StereoSample

Floats = NDArray[np.float32]


class Effect(NamedTuple):
    """How often an effect occurs, and how strong it may be."""

    probability: float
    strength: float


DEFAULTS: dict[str, Effect] = {
    "gain": Effect(0.5, 0.25),  # log of the ratio of the views' brightness; half of it common to both
    "gamma": Effect(0.5, 0.25),  # log of the exponent
    "color": Effect(0.4, 0.08),  # log of each channel's gain
    "grey": Effect(0.2, 1.0),  # both views without color; strength is the share taken away
    "blur": Effect(0.4, 0.8),  # standard deviation in pixels
    "noise": Effect(0.6, 0.025),  # standard deviation at white, as a share of white
    "vertical": Effect(0.25, 0.6),  # pixels by which the right view is off its rows
    "vignetting": Effect(0.3, 0.35),  # share of light lost in the corners
    "clipping": Effect(0.2, 0.5),  # log of the overexposure (or under-) that ends in flat white (black)
}


def _normal_quantiles() -> Floats:
    """Return 256 equally likely values of a standard normal variable: noise at the price of random bytes."""
    grid = np.linspace(-6, 6, 24_001)
    density = np.exp(-grid * grid / 2)
    cumulative = np.cumsum(density) / density.sum()
    values = np.interp((np.arange(256) + 0.5) / 256, cumulative, grid)
    return (values / values.std()).astype(np.float32)


_QUANTILES = _normal_quantiles()
_DEVIATION = np.linspace(0.4, 1.0, 256, dtype=np.float32)  # of noise, by the brightness of the pixel


class Cameras:
    """Two imperfect cameras.

    Args:
        effects: Per effect of `DEFAULTS`, ``{"probability": p, "strength": s}``; what is missing keeps its
            default, probability 0 switches it off.
    """

    def __init__(self, effects: Mapping[str, Mapping[str, float]] | None = None) -> None:
        self.effects = dict(DEFAULTS)
        for name, values in (effects or {}).items():
            if name not in DEFAULTS:
                raise UserError(f"camera.{name}: no such effect; there are {', '.join(DEFAULTS)}")
            unknown = set(values) - {"probability", "strength"}
            if unknown:
                raise UserError(f"camera.{name}.{unknown.pop()}: expected probability and strength")
            effect = DEFAULTS[name]._replace(**{k: float(v) for k, v in values.items()})
            if not 0 <= effect.probability <= 1 or not effect.strength >= 0:
                raise UserError(
                    f"camera.{name}: expected probability in 0..1 and strength of at least 0, got {effect}"
                )
            self.effects[name] = effect

    def __call__(self, left: Image, right: Image, rng: np.random.Generator) -> tuple[Image, Image]:
        """Return both views [H, W, 3] as the cameras deliver them.

        The same numbers are drawn whichever effects are on: switching one leaves the others as they are.
        """
        count = len(self.effects)
        luck = rng.random(count)
        strength = {
            name: effect.strength if luck[i] < effect.probability else 0.0
            for i, (name, effect) in enumerate(self.effects.items())
        }
        common = rng.normal(0, 0.5, count)  # what both cameras share: the hour of the day, the make
        views = []
        for image in (left, right):
            own = rng.uniform(-1, 1, count)
            tint = rng.uniform(-1, 1, 3)
            bytes_seed = int(rng.integers(2**32))
            if image is right and strength["vertical"]:
                image = _shift_rows(image, own[0], own[1], strength["vertical"])
            chance = dict(zip(self.effects, common + 0.5 * own, strict=True))
            views.append(_view(image, strength, chance, tint, bytes_seed))
        return views[0], views[1]


class CameraEffects:
    """Noise, blur, vignetting and more: the cameras of the procedural pairs, for the pairs of other sets.

    The effects are as for `Cameras`; what is not named is off.
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


def _view(
    image: Image, strength: dict[str, float], chance: dict[str, float], tint: NDArray[np.float64], seed: int
) -> Image:
    """Apply every effect of a strength above 0 to one view; `chance` varies about -1..1."""
    grey = strength["grey"]
    sigma = strength["blur"] * abs(chance["blur"])
    if sigma > 0.2:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
    if grey:
        image = _desaturate(image, grey)
    gains = np.exp(strength["gain"] * chance["gain"] + strength["color"] * tint * (1 - min(grey, 1.0)))
    gamma = math.exp(strength["gamma"] * chance["gamma"])
    exposure = strength["clipping"] * chance["clipping"]
    image = np.asarray(cv2.LUT(image, _response(gains, gamma, exposure)), np.uint8)
    if strength["vignetting"]:
        image = _vignette(image, min(strength["vignetting"] * abs(chance["vignetting"]), 1.0))
    if strength["noise"]:
        image = _noise(image, seed, strength["noise"] * abs(chance["noise"]), grey >= 1)
    return image


def _response(gains: NDArray[np.float64], gamma: float, exposure: float) -> NDArray[np.uint8]:
    """Return the table [1, 256, 3] of gain, gamma and exposure, clipped at black and white."""
    level = (np.arange(256) / 255)[:, None] ** gamma
    level = level * np.exp(exposure) if exposure >= 0 else level - (np.exp(-exposure) - 1) * 0.15
    return np.asarray(np.clip(level * gains * 255 + 0.5, 0, 255).astype(np.uint8)[None])


def _desaturate(image: Image, share: float) -> Image:
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    mixed = grey if share >= 1 else cv2.addWeighted(grey, share, image, 1 - share, 0)
    return np.asarray(mixed, np.uint8)


def _shift_rows(image: Image, down: float, turn: float, strength: float) -> Image:
    """Move a view down by a constant and a slight rotation, together at most `strength` pixels."""
    height, width = image.shape[:2]
    shift, tilt = 0.6 * down * strength, 0.8 * turn * strength / width
    matrix = np.array([[1, 0, 0], [tilt, 1, shift - tilt * width / 2]])
    border = cv2.BORDER_REPLICATE
    moved = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=border)
    return np.asarray(moved, np.uint8)


def _vignette(image: Image, loss: float) -> Image:
    height, width = image.shape[:2]
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)
    light = 1 - np.float32(loss / 2) * ((x * x)[None] + (y * y)[:, None])
    return np.asarray(cv2.multiply(image, cv2.merge([light] * 3), dtype=cv2.CV_8U), np.uint8)


def _noise(image: Image, seed: int, sigma: float, grey: bool) -> Image:
    """Add noise, of a standard deviation that grows from 40 % of `sigma` at black to all of it at white."""
    height, width = image.shape[:2]
    channels = 1 if grey else 3
    codes = np.frombuffer(np.random.default_rng(seed).bytes(height * width * channels), np.uint8)
    noise = cv2.LUT(codes.reshape(height, width, channels), _QUANTILES)
    if grey:
        noise = cv2.merge([noise] * 3)
    scaled = cv2.multiply(noise, cv2.LUT(image, _DEVIATION), scale=255 * sigma)
    return np.asarray(cv2.add(image, scaled, dtype=cv2.CV_8U), np.uint8)
