"""A scene with up and down: a ground, and props that stand on it at places given in metres."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dsmnet.synthetic.alpha_masks import Points, Shading, ramp
from dsmnet.synthetic.geometry import Plane, dot, normal_of
from dsmnet.synthetic.materials import AnyMaterial
from dsmnet.synthetic.scene import Scene, Surface

Corners = NDArray[np.float64]  # [N, 3], metres: X right, Y up from the ground, Z forward
Pair = tuple[float, float]  # width and height, or x and z, metres
Triple = tuple[float, float, float]  # metres

_TINY = 1.5  # pixels; smaller boxes are left out
_NEAREST = 0.35  # polygons are cut off at this share of the distance where disparity is scene.near


class World:
    """Places props in a scene.

    Args:
        scene: Scene that gets the surfaces.
        eye: Height of the camera above the ground in metres.
        metre: Length of a metre in baselines.
        yaw: Turn of the camera to the side in radians.
        pitch: Turn of the camera up or down in radians.
        roll: Turn of the camera about its axis in radians.
    """

    def __init__(
        self, scene: Scene, eye: float, metre: float, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0
    ) -> None:
        self.scene = scene
        self.rng = scene.rng
        self.eye = eye
        self.metre = metre
        self.rotation = rotation(roll, 2) @ rotation(pitch, 0) @ rotation(yaw, 1)
        # Points are rows: heights count up from the ground, the camera's Y down from the eye.
        self._to_camera = np.diag([1.0, -1.0, 1.0]) @ self.rotation.T * metre
        self._origin = np.array([0.0, eye, 0.0]) @ self.rotation.T * metre
        self.nearest = scene.rig.focal / scene.near  # baselines

    def camera(self, points: Corners) -> Corners:
        """Return points in the camera's axes, in baselines."""
        return points @ self._to_camera + self._origin

    def plane(self, point: Triple, normal: Triple) -> Plane:
        """Return the disparity of a plane given in metres; Y points up."""
        turned = self.rotation @ np.array([normal[0], -normal[1], normal[2]])
        return self.scene.rig.plane(self.camera(np.array([point]))[0].tolist(), turned.tolist())

    def plane_of(self, corners: Corners) -> Plane:
        """Return the disparity of the plane in which a polygon lies."""
        placed = self.camera(corners[:3])
        return self.scene.rig.plane(placed[0].tolist(), normal_of(placed))

    def disparity(self, x: float, y: float, z: float) -> float:
        """Return the disparity of a point, infinite behind the camera."""
        depth = float(self.camera(np.array([[x, y, z]]))[0, 2])
        return self.scene.rig.focal / depth if depth > 0 else math.inf

    def pixels(self, corners: Corners) -> Points | None:
        """Return the outline of a polygon in left-view pixels, cut off close before the camera."""
        points = _before(self.camera(corners), _NEAREST * self.nearest)
        return None if len(points) < 3 else self.scene.rig.project(points)

    def ground_in_view(self, farthest: float) -> tuple[float, float]:
        """Draw x and z in metres of a place on the ground, at most `farthest` away, that a view shows.

        Spread evenly over the picture, so that props stand wherever the camera looks.
        """
        rig = self.scene.rig
        plane = self.plane((0, 0, 0), (0, 1, 0))
        smallest = rig.focal / (farthest * self.metre)
        x = y = disparity = 0.0
        for _ in range(8):
            x, y = self.rng.uniform(-0.1, 1.2) * rig.width, self.rng.uniform(0.0, 1.25) * rig.height
            disparity = plane.at(x, y)
            if smallest < disparity < 1.1 * self.scene.near:
                break
        depth = rig.focal / min(max(disparity, smallest), 1.1 * self.scene.near)
        ray = np.array([(x - rig.cx) / rig.focal, (y - rig.cy) / rig.focal, 1.0])
        place = self.rotation.T @ ray * (depth / self.metre)
        return float(place[0]), float(place[2])

    def unbounded(self, point: Triple, normal: Triple, material: AnyMaterial) -> Surface | None:
        """Add a plane without limits, such as the ground."""
        return self.scene.add(self.plane(point, normal), None, material)

    def face(self, corners: Corners, material: AnyMaterial, shading: Shading | None = None) -> Surface | None:
        """Add a flat polygon."""
        points = self.pixels(corners)
        mask = None if points is None else self.scene.canvas.draw(points)
        if mask is None:
            return None
        return self.scene.add(self.plane_of(corners), mask, material, shading=shading)

    def decal(self, host: Surface | None, corners: Corners, material: AnyMaterial) -> None:
        """Paint a polygon on the flat surface in which it lies."""
        points = self.pixels(corners)
        if host is not None and points is not None:
            self.scene.decal(host, points, material)

    def shadow(self, host: Surface | None, corners: Corners, strength: float) -> None:
        """Darken a polygon on the flat surface in which it lies."""
        points = self.pixels(corners)
        if host is not None and points is not None:
            softness = float(np.clip(0.04 * np.ptp(points[:, 0]), 0.7, 6))
            self.scene.shadow(host, points, strength, softness)

    def box(
        self, base: Triple, size: Triple, material: AnyMaterial, turn: float = 0.0, taper: float = 1.0
    ) -> list[Surface]:
        """Add a box and return the faces that point towards the camera.

        Args:
            base: Centre of the foot.
            size: Width, height and depth.
            material: Material of all faces.
            turn: Turn about the vertical in radians.
            taper: Size of the top, as a share of the foot's.
        """
        corners = np.concatenate([BOX_FOOT, BOX_FOOT * [taper, 0, taper] + [0, 1, 0]]) * size
        corners = corners @ rotation(turn, 1) + base
        material = self.scene.material(material)
        outline = self.pixels(corners)
        if outline is None or self.scene.canvas.clip(outline) is None:
            return []
        if np.ptp(outline, axis=0).max() < _TINY:
            return []
        seen = []
        for k, face in enumerate(BOX_FACES):
            quad = corners[face]
            if dot(normal_of(quad), (quad[0] - (0.0, self.eye, 0.0)).tolist()) < 0:
                seen.append(self.face(quad, material, ramp(bottom=0.85) if k >= 2 else None))
        return [surface for surface in seen if surface is not None]

    def upright(self, x: float, y: float, z: float) -> tuple[float, float, float, float] | None:
        """Return pixel x and y, disparity and pixels per metre of a place, None where no view shows it."""
        place = self.camera(np.array([[x, y, z]]))
        if place[0, 2] < 0.9 * self.nearest:
            return None
        px, py = self.scene.rig.project(place)[0]
        disparity = self.scene.rig.focal / float(place[0, 2])
        if not -2 * self.scene.rig.height < px < 3 * self.scene.rig.width:
            return None
        return float(px), float(py), disparity, disparity * self.metre


# The four corners around the foot of a box of size 1; those of the top, in the same order, are 4 to 7.
BOX_FOOT = np.array([[-0.5, 0, -0.5], [0.5, 0, -0.5], [0.5, 0, 0.5], [-0.5, 0, 0.5]])
# Corners of the faces of a box, in an order that makes their normals point outwards.
BOX_FACES = [
    np.array(f) for f in ((0, 1, 2, 3), (7, 6, 5, 4), (4, 5, 1, 0), (5, 6, 2, 1), (6, 7, 3, 2), (7, 4, 0, 3))
]


def rotation(angle: float, axis: int) -> NDArray[np.float64]:
    """Return the matrix [3, 3] of a turn about X (0), Y (1) or Z (2), in radians."""
    cos, sin = math.cos(angle), math.sin(angle)
    i, j = [k for k in range(3) if k != axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = cos
    matrix[i, j], matrix[j, i] = -sin, sin
    return matrix


def _before(points: Corners, depth: float) -> Corners:
    """Return the part of a polygon that is further away than `depth`."""
    ahead = points[:, 2] >= depth
    if ahead.all():
        return points
    if not ahead.any():
        return points[:0]
    kept = []
    for p, q in zip(points, np.roll(points, -1, axis=0), strict=True):
        if p[2] >= depth:
            kept.append(p)
        if (p[2] >= depth) != (q[2] >= depth):
            kept.append(p + (q - p) * ((depth - p[2]) / (q[2] - p[2])))
    return np.array(kept).reshape(-1, 3)


def flat(x0: float, x1: float, z0: float, z1: float, y: float = 0.0) -> Corners:
    """Return a rectangle on the ground, or at a height above it."""
    return np.array([[x0, y, z0], [x1, y, z0], [x1, y, z1], [x0, y, z1]])


def upright_rectangle(x0: float, z0: float, x1: float, z1: float, low: float, high: float) -> Corners:
    """Return a rectangle that stands on the line from (x0, z0) to (x1, z1)."""
    return np.array([[x0, low, z0], [x1, low, z1], [x1, high, z1], [x0, high, z0]])
