"""The stereo camera of a scene, and what a plane in space looks like to it.

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

Vector = tuple[float, float, float]
Axes = tuple[Vector, Vector]


class Plane(NamedTuple):
    """Disparity of a plane in left-view coordinates, in pixels: ``a x + b y + c``."""

    a: float
    b: float
    c: float

    def at(self, x: float, y: float) -> float:
        """Return the disparity at one pixel of the left view."""
        return self.a * x + self.b * y + self.c

    def scaled(self, factor: float) -> Plane:
        """Return the plane as a camera with another baseline sees it."""
        return Plane(self.a * factor, self.b * factor, self.c * factor)


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
        return self._row(combine(cos, first, sin, second)), self._row(combine(cos, second, -sin, first))

    def _row(self, axis: Vector) -> Vector:
        return axis[0], axis[1], axis[2] * self.focal - axis[0] * self.cx - axis[1] * self.cy


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
