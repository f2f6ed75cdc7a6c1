"""The stereo rig of a scene, and where planes and curved surfaces lie in both views.

Lengths are in baselines, so that disparity is simply ``focal / Z``. Axes: X right, Y down, Z forward, the
origin at the left camera. Single points are tuples: scenes have hundreds of them, and arrays of three numbers
are slow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Vector = tuple[float, float, float]
Axes = tuple[Vector, Vector]

_NEWTON_STEPS = 4  # quadratic convergence from an error of a few pixels to below 1e-4


class Plane(NamedTuple):
    """Disparity of a plane in left-view coordinates, in pixels: ``a x + b y + c``."""

    a: float
    b: float
    c: float

    def at(self, x: float, y: float) -> float:
        """Return the disparity at one pixel of the left view."""
        return self.a * x + self.b * y + self.c


class Rig(NamedTuple):
    """A rectified pair of equal cameras: image size, focal length and principal point, all in pixels."""

    width: int
    height: int
    focal: float
    cx: float
    cy: float

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the left-view pixels [N, 2] of points [N, 3] in front of the camera."""
        return points[:, :2] * (self.focal / points[:, 2:]) + (self.cx, self.cy)

    def plane(self, point: Sequence[float], normal: Sequence[float]) -> Plane:
        """Return the disparity of the plane through `point` with this normal.

        From ``n . P = k`` and ``P = Z ray`` follows ``focal / Z = focal (n . ray) / k``, the disparity.
        """
        nx, ny, nz = normal
        k = nx * point[0] + ny * point[1] + nz * point[2]
        if abs(k) < 1e-9:  # seen edge-on: no pixel shows it
            k = math.copysign(1e-9, k)
        return Plane(nx / k, ny / k, (self.focal * nz - nx * self.cx - ny * self.cy) / k)

    def normal(self, plane: Plane) -> Vector:
        """Return the unit normal, pointing towards the camera, of the plane with this disparity."""
        nz = (plane.c + plane.a * self.cx + plane.b * self.cy) / self.focal
        return unit((-plane.a, -plane.b, -nz))

    def texture_axes(self, plane: Plane, angle: float) -> Axes:
        """Return two rows that turn ``(x, y, 1)`` into coordinates on the plane, times disparity.

        The first axis is level where the plane allows it (so bricks lie flat on walls), then turned by
        `angle` within the plane. Point ``P = Z ray`` has the coordinates ``P . e1`` and ``P . e2``; dividing
        by disparity stands for the factor Z.
        """
        normal = self.normal(plane)
        level = (-normal[2], 0.0, normal[0]) if abs(normal[1]) < 0.9987 else (1.0, 0.0, 0.0)
        first = unit(combine(1.0, level, -dot(level, normal), normal))
        second = cross(first, normal)
        cos, sin = math.cos(angle), math.sin(angle)
        turned = combine(cos, first, sin, second), combine(cos, second, -sin, first)
        u, v = ((x, y, z * self.focal - x * self.cx - y * self.cy) for x, y, z in turned)
        return u, v


def dot(p: Sequence[float], q: Sequence[float]) -> float:
    """Return the scalar product."""
    return p[0] * q[0] + p[1] * q[1] + p[2] * q[2]


def cross(p: Sequence[float], q: Sequence[float]) -> Vector:
    """Return the vector product."""
    return p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]


def combine(s: float, p: Vector, t: float, q: Vector) -> Vector:
    """Return ``s p + t q``."""
    return s * p[0] + t * q[0], s * p[1] + t * q[1], s * p[2] + t * q[2]


def unit(p: Vector) -> Vector:
    """Return the vector scaled to length 1; one of length 0 becomes the direction towards the camera."""
    length = math.sqrt(dot(p, p))
    return (p[0] / length, p[1] / length, p[2] / length) if length > 1e-12 else (0.0, 0.0, -1.0)


def normal_of(corners: NDArray[np.float64]) -> Vector:
    """Return a normal of a flat polygon [N, 3], of any length and sign."""
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = corners[:3].tolist()
    return cross((bx - ax, by - ay, bz - az), (cx - ax, cy - ay, cz - az))


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

    def height(self) -> float:
        """Return a bound on how far the bump rises above the plane, in pixels of disparity."""
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
        """Return left-view x and disparity, [H, W] each, of pixels `xs`, `ys` of the right view.

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
        """Return the geometry as a camera with a baseline longer by `factor` sees it."""
        plane, bump = Plane(*(value * factor for value in self.plane)), self.bump
        if bump is not None:
            bump = bump._replace(
                **{name: getattr(bump, name) * factor for name in ("dome", "qx", "qy", "wave")}
            )
        return Geometry(plane, bump)
