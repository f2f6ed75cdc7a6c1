"""The stereo camera of a scene, and what a plane in space looks like to it.

Lengths are in baselines, so that disparity is simply ``focal / Z``. Axes: X right, Y down, Z forward, the
origin at the left camera.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]  # [3]


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
        depth = points[:, 2:3]
        return np.array([self.cx, self.cy]) + self.focal * points[:, :2] / depth

    def ray(self, x: float, y: float) -> Vector:
        """Return the direction in which the left camera sees a pixel, with Z = 1."""
        return np.array([(x - self.cx) / self.focal, (y - self.cy) / self.focal, 1.0])

    def plane(self, point: Vector, normal: Vector) -> Plane:
        """Return the disparity of the plane through `point` with this normal.

        From ``n . P = k`` and ``P = Z ray``, with disparity ``focal / Z``, follows ``d = focal (n . ray) / k``.
        """
        nx, ny, nz = (float(v) for v in normal)
        k = float(normal @ point)
        if abs(k) < 1e-9:  # seen edge-on: no pixel shows it
            k = math.copysign(1e-9, k)
        return Plane(nx / k, ny / k, (self.focal * nz - nx * self.cx - ny * self.cy) / k)

    def normal(self, plane: Plane) -> Vector:
        """Return the unit normal, pointing towards the camera, of the plane with this disparity."""
        nz = (plane.c + plane.a * self.cx + plane.b * self.cy) / self.focal
        normal = -np.array([plane.a, plane.b, nz])
        length = float(np.linalg.norm(normal))
        return normal / length if length > 1e-12 else np.array([0.0, 0.0, -1.0])

    def texture_axes(self, plane: Plane, angle: float) -> NDArray[np.float64]:
        """Return the rows [2, 3] that turn ``(x, y, 1)`` into coordinates on the plane, times disparity.

        The first axis is level where the plane allows it (so bricks lie flat on walls), then turned by `angle`
        within the plane. Point ``P = Z ray`` has the coordinates ``P . e1`` and ``P . e2``; dividing by disparity
        stands for the factor Z.
        """
        normal = self.normal(plane)
        level = np.array([-normal[2], 0.0, normal[0]])
        if np.linalg.norm(level) < 0.05:
            level = np.array([1.0, 0.0, 0.0])
        first = level - normal * (level @ normal)
        first /= np.linalg.norm(first)
        second = np.cross(first, normal)
        cos, sin = math.cos(angle), math.sin(angle)
        axes = np.stack([cos * first + sin * second, cos * second - sin * first])
        offset = axes @ np.array([-self.cx, -self.cy, self.focal])
        return np.stack([axes[:, 0], axes[:, 1], offset], axis=1)
