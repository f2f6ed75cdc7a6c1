"""What the page holds: the points as they were, nothing from elsewhere, and names that cannot break it."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import numpy as np
import pytest

from dsmnet.viz.cloud import Cloud, Pinhole, build_cloud
from dsmnet.viz.cloud_page import render_cloud
from dsmnet.viz.cloud_page.page import depth_ticks


def part(page: str, name: str) -> str:
    (found,) = re.findall(rf'<script type="[\w/]+" id="{name}">(.*?)</script>', page, re.S)
    return found


def unpack(page: str) -> tuple[np.ndarray, np.ndarray]:
    """Read points and colors back as the page's script does."""
    scene = json.loads(part(page, "scene"))
    stored = np.frombuffer(base64.b64decode(part(page, "points")), "<u2").reshape(-1, 3)
    x, y, inverse = (np.array(scene["low"]) + np.array(scene["step"]) * stored).T
    colors = np.frombuffer(base64.b64decode(part(page, "colors")), np.uint8).reshape(-1, 3)
    return np.stack([x / inverse, y / inverse, 1 / inverse], axis=-1), colors


def test_points_and_colors_come_back():
    rng = np.random.default_rng(0)
    z = 1 / rng.uniform(1 / 200, 1 / 0.5, 5000)
    rays = rng.uniform(-0.5, 0.5, (5000, 2))
    points = np.stack([rays[:, 0] * z, rays[:, 1] * z, z], axis=-1).astype(np.float32)
    colors = rng.integers(0, 256, (5000, 3), np.uint8)
    slopes = rng.normal(0, 0.01, (5000, 2)).astype(np.float32)
    page = render_cloud(Cloud(points, colors, Pinhole(600, 1000, 1000.0, 500.0, 300.0), slopes, 1.0), "a")
    found, found_colors = unpack(page)
    np.testing.assert_array_equal(found_colors, colors)
    # A hundredth of a pixel in the image, a 65535th of the range of inverse depth.
    np.testing.assert_allclose(found[:, :2] / found[:, 2:], points[:, :2] / points[:, 2:], atol=1e-5)
    np.testing.assert_allclose(1 / found[:, 2], 1 / points[:, 2], atol=2 / 65535)
    leans = np.frombuffer(base64.b64decode(part(page, "slopes")), np.int8).reshape(-1, 2)
    steepest = np.percentile(np.abs(slopes), 99.9)
    expected = np.clip(slopes, -steepest, steepest)
    np.testing.assert_allclose(
        json.loads(part(page, "scene"))["slope"] * leans, expected, atol=steepest / 250
    )


def test_one_point_alone(scene: Any):
    cloud = build_cloud(*scene, max_points=1)
    found, _ = unpack(render_cloud(cloud, "a"))
    np.testing.assert_allclose(found, cloud.points, rtol=1e-5)


def test_its_size_is_fifteen_bytes_a_point(scene: Any):
    sizes = [
        len(render_cloud(build_cloud(*scene, edge_filter=False, max_points=limit), "a"))
        for limit in (1, 10800)
    ]
    assert sizes[1] - sizes[0] == pytest.approx(44 / 3 * 10799, abs=500)  # the scale's ticks differ
    assert sizes[0] < 40_000


def test_names_cannot_break_out_of_it(scene: Any):
    page = render_cloud(build_cloud(*scene), '</script><img src=x onerror="alert(1)">')
    assert "<img" not in page
    assert "&lt;/script&gt;&lt;img" in page


def test_nothing_is_fetched(scene: Any):
    page = render_cloud(build_cloud(*scene), "a")
    assert not re.search(r"https?:|src=|@import|url\((?!#)|import\(|fetch\(|XMLHttpRequest", page)
    assert re.findall(r'href="([^"]*)"', page) == ["data:,"]
    assert "default-src 'none'" in page


def test_it_says_how_many_points_were_left_out(scene: Any):
    assert "10,800 points</p>" in render_cloud(build_cloud(*scene, edge_filter=False), "a")
    assert "one in 4 of those of the image" in render_cloud(
        build_cloud(*scene, edge_filter=False, max_points=2700), "a"
    )


@pytest.mark.parametrize(
    ("near", "far"), [(2.0, 4.4), (0.31, 0.35), (5.0, 180.0), (0.5, 2.0), (9.0, 9.5), (900.0, 5000.0)]
)
def test_ticks_are_round_and_do_not_touch(near: float, far: float):
    ticks = depth_ticks(near, far)
    assert 2 <= len(ticks) <= 9
    for depth, place in ticks:
        assert near <= depth <= far
        assert float(f"{depth:.3g}") == pytest.approx(depth)
        assert place == pytest.approx((1 / depth - 1 / far) / (1 / near - 1 / far))
    places = [place for _, place in ticks]
    assert min(np.diff(places)) >= 0.129
