"""Views from other sides: the first is the image itself, the others are where geometry puts them."""

from __future__ import annotations

import io
import math
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as PilImage

from dsmnet.types import Calibration
from dsmnet.viz.cloud import build_cloud
from dsmnet.viz.turntable import FRAMES, VIEWS, film, rotation, turntable, view

RED = (230, 20, 20)


def centre_of(picture: np.ndarray, color: tuple[int, ...]) -> np.ndarray:
    return np.argwhere((picture == color).all(-1)).mean(axis=0)[::-1]  # x, y


def test_straight_ahead_is_the_image(scene: Any):
    picture = view(build_cloud(*scene, edge_filter=False), 0, 0)
    np.testing.assert_array_equal(picture, scene.image)


def test_a_slanted_rough_surface_gives_back_its_image_too():
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:101, :140]
    disparity = (20 + 0.3 * rows - 0.2 * columns * np.sin(rows / 9) / 9).astype(np.float32)
    image = rng.integers(0, 256, (101, 140, 3), np.uint8)
    cloud = build_cloud(disparity, image, Calibration(focal=333.3, baseline=0.1), edge_filter=False)
    assert cv2.PSNR(view(cloud, 0, 0), image) > 40


def test_of_a_thinned_cloud_it_is_a_smaller_image(scene: Any):
    picture = view(build_cloud(*scene, edge_filter=False, max_points=2700), 0, 0)
    assert abs(picture.shape[0] - 45) <= 1
    expected = cv2.resize(scene.image, picture.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert cv2.PSNR(picture, expected) > 20  # the square's border may lie a pixel aside
    assert np.median(np.abs(picture.astype(int) - expected)) <= 2


@pytest.mark.parametrize(("yaw", "pitch"), [(10.0, 0.0), (-15.0, 0.0), (0.0, 12.0), (8.0, -6.0)])
def test_things_move_to_where_geometry_puts_them(scene: Any, yaw: float, pitch: float):
    """The corners of the square, projected by hand into a camera that went round the middle of the cloud."""
    cloud = build_cloud(*scene)
    picture = view(cloud, yaw, pitch)
    middle = np.array(cloud.middle)
    corners = [((x - 50) / 100 * 2, (y - 50) / 100 * 2, 2.0) for y in (30, 59) for x in (45, 74)]
    a, b = math.radians(yaw), math.radians(pitch)
    # The camera's axes: forward to the middle, right level.
    forward = np.array([-math.sin(a) * math.cos(b), math.sin(b), math.cos(a) * math.cos(b)])
    right = np.array([math.cos(a), 0, math.sin(a)])
    down = np.cross(forward, right)
    seen = np.array([[axis @ (corner - middle) for axis in (right, down, forward)] for corner in corners])
    seen += middle
    expected = seen[:, :2] / seen[:, 2:] * 100 + 50
    found = np.argwhere((picture == RED).all(-1))[:, ::-1]
    # The points at the corners are squares of up to two pixels.
    np.testing.assert_allclose(found.min(axis=0), expected.min(axis=0), atol=1.5)
    np.testing.assert_allclose(found.max(axis=0), expected.max(axis=0), atol=1.5)
    np.testing.assert_allclose(rotation(yaw, pitch), [right, down, forward], atol=1e-12)


def test_from_the_right_near_things_move_left(scene: Any):
    cloud = build_cloud(*scene)
    xs = [centre_of(view(cloud, yaw, 0), RED)[0] for yaw in (-20, 0, 20)]
    assert xs[0] > xs[1] + 5 > xs[2] + 10
    ys = [centre_of(view(cloud, 0, pitch), RED)[1] for pitch in (0, 15)]
    assert ys[1] > ys[0] + 5  # from above the near things are lower


def test_surfaces_have_no_holes_when_they_are_turned(scene: Any):
    picture = view(build_cloud(*scene), 25, 0)
    mask = (picture == RED).all(-1).astype(np.uint8)
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    assert mask.sum() > 500
    assert (closed > mask).mean() < 0.001


def test_a_slanted_surface_has_no_holes_from_its_steep_side():
    """A road, of which neighbouring rows lie metres apart: seen from above it is one surface."""
    rows = np.mgrid[:120, :160][0].astype(np.float32)
    disparity = np.where(rows > 60, 0.33 * (rows - 38), 0).astype(np.float32)
    image = np.full((120, 160, 3), RED, np.uint8)
    cloud = build_cloud(disparity, image, Calibration(focal=150.0, baseline=0.54, cx=80.0, cy=38.0))
    holes = []
    for slopes in (cloud.slopes, 0 * cloud.slopes):
        mask = (view(cloud._replace(slopes=slopes), 0, 15) == RED).all(-1)[:, 30:130]
        first, last = mask.argmax(axis=0), len(mask) - mask[::-1].argmax(axis=0)
        assert (last - first > 50).all()
        holes.append((last - first - mask.sum(axis=0)).sum())
    assert holes[0] == 0
    assert holes[1] > 1000


def test_the_sheet_shows_every_view(scene: Any):
    sheet = turntable(build_cloud(*scene))
    assert ((sheet == RED).all(-1)).sum() > len(VIEWS) * 300
    assert sheet.shape[2] == 3
    assert sheet.shape[0] * sheet.shape[1] > len(VIEWS) * 90 * 120


def test_the_film_begins_with_the_image_and_comes_back(scene: Any):
    data = film(build_cloud(*scene, edge_filter=False))
    with PilImage.open(io.BytesIO(data)) as opened:
        assert opened.n_frames == FRAMES
        assert opened.size == (120, 90)
        frames = []
        for number in range(FRAMES):
            opened.seek(number)
            frames.append(np.asarray(opened.convert("RGB")))
    quality = [cv2.PSNR(frame, scene.image) for frame in frames]
    assert quality[0] > 25
    assert quality[0] > max(quality[3:-3]) + 5
    assert min(quality[1], quality[-1]) > min(quality[FRAMES // 4], quality[3 * FRAMES // 4])
