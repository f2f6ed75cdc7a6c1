"""Where the points of a surface lie in both views: planes in closed form, curved sheets by Newton steps."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsmnet.synthetic.rig import Plane

Floats = NDArray[np.float32]

_NEWTON_STEPS = 4  # quadratic convergence from an error of a few pixels to below 1e-4


class Bump(NamedTuple):
    """A smooth offset from a plane: a parabolic dome plus a travelling wave, in pixels of disparity.

    ``dome - qx (x - x0)^2 - qy (y - y0)^2 + wave sin(kx (x - x0) + ky (y - y0) + phase)``, where the parabola
    along x goes on straight beyond `rx` from its middle. The slope along x must stay below about 0.4: then no
    point of the surface hides another one, and the steps converge wherever they start.
    """

    x0: float
    y0: float
    dome: float = 0.0
    qx: float = 0.0
    qy: float = 0.0
    wave: float = 0.0
    kx: float = 0.0
    ky: float = 0.0
    phase: float = 0.0
    rx: float = math.inf

    def value_and_slope(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return the offset and its derivative along x at left-view positions."""
        dx, dy = x - np.float32(self.x0), y - np.float32(self.y0)
        value = np.float32(self.dome) - np.float32(self.qy) * dy * dy
        slope = np.zeros_like(dx)
        if self.qx:
            near = np.clip(dx, np.float32(-self.rx), np.float32(self.rx))
            value = value - np.float32(self.qx) * near * (2 * dx - near)
            slope = np.float32(-2 * self.qx) * near
        if self.wave:
            angle = np.float32(self.kx) * dx + (np.float32(self.ky) * dy + np.float32(self.phase))
            value = value + np.float32(self.wave) * np.sin(angle)
            slope = slope + np.float32(self.wave * self.kx) * np.cos(angle)
        return value, slope

    def scaled(self, factor: float) -> Bump:
        """Return the bump as a camera with another baseline sees it."""
        return self._replace(
            dome=self.dome * factor,
            qx=self.qx * factor,
            qy=self.qy * factor,
            wave=self.wave * factor,
        )

    def reach(self) -> float:
        """Return how far above the plane the bump may rise, in pixels of disparity."""
        return abs(self.dome) + abs(self.wave)


class Geometry(NamedTuple):
    """The disparity of one surface everywhere, as if nothing limited or hid it."""

    plane: Plane
    bump: Bump | None = None

    def left(self, xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
        """Return left-view x [1, W] and disparity [H, W] at pixels `xs` [W], `ys` [H] of the left view."""
        a, b, c = self.plane
        disparity = np.float32(a) * xs + (np.float32(b) * ys + np.float32(c))[:, None]
        if self.bump is not None:
            disparity += self.bump.value_and_slope(xs[None], ys[:, None])[0]
        return xs[None], disparity

    def right(self, xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
        """Return the left-view x [H, W] of what pixels `xs`, `ys` of the right view show, and its disparity.

        ``x_left - d(x_left, y) = x_right`` has the closed form ``(x_right + b y + c) / (1 - a)`` on a plane.
        """
        a, b, c = self.plane
        scale = 1 / (1 - a)
        x = np.float32(scale) * xs + (np.float32(b * scale) * ys + np.float32(c * scale))[:, None]
        if self.bump is not None:
            start = (np.float32(b) * ys + np.float32(c))[:, None] + xs
            for _ in range(_NEWTON_STEPS):
                value, slope = self.bump.value_and_slope(x, ys[:, None])
                x -= (x * np.float32(1 - a) - start - value) / (np.float32(1 - a) - slope)
        return x, x - xs

    def scaled(self, factor: float) -> Geometry:
        """Return the geometry as a camera with another baseline sees it."""
        return Geometry(self.plane.scaled(factor), self.bump and self.bump.scaled(factor))
