"""Rigs that are known, and what they see of surfaces whose 3-D points are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dsmnet.types import Camera, StereoRig

SIZE = 240, 320  # height and width
PLANE = np.array([0.05, -0.1, 0.7])  # the points X of the surface, in the left camera's axes: PLANE @ X = 1 m


def rig(
    kind: str = "pinhole",
    translation: tuple[float, float, float] = (-0.12, 0.004, 0.006),
    turn: tuple[float, float, float] = (0.02, -0.03, 0.04),
    size: tuple[int, int] = SIZE,
) -> StereoRig:
    height, width = size
    distortion = {
        "pinhole": [-0.2, 0.05, 0.002, -0.003, 0.01],
        "rational": [0.5, 0.1, 0.001, -0.002, 0.01, 0.7, 0.2, 0.02],
        "fisheye": [0.05, -0.01, 0.004, -0.001],
        "none": [0.0, 0, 0, 0],
    }[kind]
    focal = 0.6 * width if kind == "fisheye" else 0.9 * width
    cameras = [
        Camera(
            np.array(
                [[focal + 3 * side, 0, width / 2 - 4 + 5 * side], [0, focal, height / 2 + 3], [0, 0, 1]]
            ),
            np.array(distortion) * (1 + 0.1 * side),
            size,
            kind == "fisheye",
        )
        for side in (0, 1)
    ]
    return StereoRig(*cameras, cv2.Rodrigues(np.array(turn, float))[0], np.array(translation, float))


def rays(camera: Camera, size: tuple[int, int] = SIZE) -> np.ndarray:
    """The direction (x, y, 1) of each pixel of a raw view, [H, W, 3]."""
    y, x = np.indices(size, np.float64)
    undistort = cv2.fisheye.undistortPoints if camera.fisheye else cv2.undistortPoints
    stop = cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-12
    pixels = np.stack([x, y], -1).reshape(-1, 1, 2)
    found = undistort(pixels, camera.matrix, camera.distortion, criteria=stop).reshape(*size, 2)
    return np.concatenate([found, np.ones((*size, 1))], -1)


def project(camera: Camera, points: np.ndarray) -> np.ndarray:
    """Pixels of points [N, 3] in a camera's axes, [N, 2]."""
    zero, distortion = np.zeros(3), camera.distortion
    points = np.ascontiguousarray(points.reshape(-1, 1, 3))
    if camera.fisheye:
        found, _ = cv2.fisheye.projectPoints(points, zero, zero, camera.matrix, distortion)
    else:
        found, _ = cv2.projectPoints(points, zero, zero, camera.matrix, distortion)
    return np.asarray(found).reshape(-1, 2)


def seen(
    camera: Camera, rotation: np.ndarray, translation: np.ndarray, size: tuple[int, int] = SIZE
) -> np.ndarray:
    """Points of the plane that the pixels of a raw view see, in the left camera's axes, [H, W, 3], metres."""
    # A camera's point is rotation @ X + translation, so X lies on a ray from the camera's centre.
    directions, centre = rays(camera, size) @ rotation, -rotation.T @ translation
    return centre + directions * ((1 - PLANE @ centre) / (directions @ PLANE))[..., None]


def views(rig: StereoRig, size: tuple[int, int] = SIZE, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Raw views of the plane, textured."""
    rng = np.random.default_rng(seed)
    noise = sum(
        cv2.resize(rng.uniform(-1, 1, (n, n)).astype(np.float32), (1024, 1024), interpolation=cv2.INTER_CUBIC)
        for n in (32, 64, 128, 256)
    )
    texture = np.clip(127 + 50 * np.asarray(noise), 0, 255).astype(np.uint8)
    found = []
    for camera, rotation, translation in (
        (rig.left, np.eye(3), np.zeros(3)),
        (rig.right, rig.rotation, rig.translation),
    ):
        points = seen(camera, rotation, translation, size)
        x, y = ((points[..., axis] * 250 + 512).astype(np.float32) for axis in (0, 1))
        grey = cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        found.append(np.repeat(grey[..., None], 3, axis=-1))
    return found[0], found[1]


@pytest.fixture(params=["pinhole", "rational", "fisheye", "none"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)
