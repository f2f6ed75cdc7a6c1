"""Smooth light and dark over a surface, as small maps that are stretched over its silhouette."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.synthetic.rig import Vector
from dsmnet.synthetic.surface import Stencil

Shading = NDArray[np.float32]  # [k, l], brightness relative to the surface's own


def ramp(top: float = 1.0, bottom: float = 1.0, left: float = 1.0, right: float = 1.0) -> Shading:
    """Return brightness that changes evenly from edge to edge."""
    return np.array([[top * left, top * right], [bottom * left, bottom * right]], np.float32)


def uneven(rng: np.random.Generator, strength: float = 0.2) -> Shading:
    """Return patches of light and shadow."""
    return np.exp(rng.normal(0, strength, (int(rng.integers(2, 5)), int(rng.integers(2, 5))))).astype(
        np.float32
    )


def cylinder(light: Vector, ambient: float) -> Shading:
    """Return the light on an upright cylinder, relative to a wall that faces the camera."""
    u = np.linspace(-0.97, 0.97, 12)
    facing = np.maximum(u * light[0] - np.sqrt(1 - u * u) * light[2], 0)
    wall = ambient + (1.15 - ambient) * max(-light[2], 0)
    return ((ambient * 0.85 + (1.15 - ambient) * facing) / wall).astype(np.float32)[None]


def ball(light: Vector, ambient: float) -> Shading:
    """Return the light on a ball, relative to a wall that faces the camera."""
    u = np.linspace(-1, 1, 16)[None]
    v = np.linspace(-1, 1, 16)[:, None]
    toward = np.sqrt(np.maximum(1 - u * u - v * v, 0.02))
    facing = np.maximum(u * light[0] + v * light[1] - toward * light[2], 0)
    wall = ambient + (1.15 - ambient) * max(-light[2], 0)
    return ((ambient * 0.8 + (1.15 - ambient) * facing) / wall).astype(np.float32)


def shaded(stencil: Stencil, base: int, shading: Shading) -> Stencil:
    """Return the stencil with a shading stretched over it; `base` is the surface's own shade."""
    values = np.minimum(shading * np.float32(base), 255).astype(np.uint8)
    height, width = stencil.coverage.shape
    return stencil._replace(shade=cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR))
