"""The ground truth of procedural pairs, against warping, plain loops and hand-made scenes."""

from __future__ import annotations

import functools
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dsmnet.synthetic import LAYOUTS, PATTERNS
from dsmnet.synthetic.alpha_masks import AlphaMask
from dsmnet.synthetic.geometry import Bump, Geometry, Plane, Rig
from dsmnet.synthetic.render import View, non_occluded
from dsmnet.synthetic.scene import Surface
from dsmnet.synthetic.texture import TILE, Mipmap, Texture
from dsmnet.types import StereoSample
from tests.synthetic.scenes import clean

Floats = NDArray[np.float32]


@functools.cache
def scenes(layout: str, patterns: tuple[str, ...] = tuple(PATTERNS)) -> list[StereoSample]:
    data = clean(layouts={layout: 1.0}, patterns=dict.fromkeys(patterns, 1.0))
    return [data[i] for i in range(12)]


def warp(right: NDArray[Any], disparity: Floats) -> Floats:
    """Return what the right view shows at x - disparity."""
    height, width = disparity.shape
    x = np.arange(width, dtype=np.float32) - disparity
    y = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)
    warped = cv2.remap(right.astype(np.float32), x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def between_columns(right: Floats, disparity: Floats) -> Floats:
    """Interpolate one map [H, W] of the right view at x - disparity."""
    height, width = disparity.shape
    x = np.clip(np.arange(width) - disparity.astype(float), 0, width - 1)
    low = np.minimum(x.astype(int), width - 2)
    rows = np.arange(height)[:, None]
    return np.asarray(right[rows, low] * (1 - (x - low)) + right[rows, low + 1] * (x - low), np.float32)


def smooth_and_visible(sample: StereoSample) -> NDArray[np.bool_]:
    """Return where both views show the pixel and no depth edge is within two pixels."""
    left, right = (_steady(sample[key]) for key in ("disparity", "right_disparity"))  # type: ignore[literal-required]
    return np.asarray(sample["noc"] & (left > 0) & (between_columns(right, sample["disparity"]) == 1))


def _steady(disparity: Floats) -> NDArray[np.uint8]:
    kernel = np.ones((3, 3), np.uint8)
    steady = np.asarray(cv2.dilate(disparity, kernel)) - np.asarray(cv2.erode(disparity, kernel)) < 1
    return np.asarray(cv2.erode(steady.astype(np.uint8), kernel), np.uint8)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_right_view_warped_by_ground_truth_is_the_left_view(layout: str) -> None:
    """Also with half a pixel more, and with the wrong sign, to show that the bounds tell them apart."""
    errors: dict[str, list[Floats]] = {"target": [], "half": [], "sign": []}
    for sample in scenes(layout):
        mask, d, left = smooth_and_visible(sample), sample["disparity"], sample["left"].astype(np.float32)
        for key, guess in (("target", d), ("half", d + np.float32(0.5)), ("sign", -d)):
            errors[key].append(np.abs(warp(sample["right"], guess) - left).mean(axis=-1)[mask])
    pooled = {key: np.concatenate(values) for key, values in errors.items()}
    assert np.median(pooled["target"]) <= 1.0  # of 255
    assert np.percentile(pooled["target"], 95) <= 6.0
    assert pooled["half"].mean() > 1.6 * pooled["target"].mean()
    assert pooled["sign"].mean() > 8 * pooled["target"].mean()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ground_truth_is_exact_below_a_tenth_of_a_pixel(layout: str) -> None:
    """The shift that would still improve the match, block by block, is zero in the median; 0.1 px is seen."""
    shifts: dict[float, list[Floats]] = {0.0: [], 0.1: []}
    for sample in scenes(layout, ("noise", "wood", "dead_leaves")):
        mask, left = smooth_and_visible(sample), sample["left"].astype(np.float32).mean(axis=-1)
        for offset, found in shifts.items():
            warped = warp(sample["right"], sample["disparity"] + np.float32(offset)).mean(axis=-1)
            slope = (np.gradient(warped, axis=1) + np.gradient(left, axis=1)) / 2
            blocks = [_blocks(part * mask) for part in (slope * (left - warped), slope * slope, 1.0)]
            whole = (blocks[2] == 256) & (blocks[1] > 256 * 4)
            found.append((blocks[0] / np.maximum(blocks[1], 1))[whole])
    medians = {offset: float(np.median(np.concatenate(found))) for offset, found in shifts.items()}
    assert sum(len(found) for found in shifts[0.0]) > 100
    assert abs(medians[0.0]) < 0.01
    assert 0.08 < medians[0.1] < 0.16


def _blocks(values: Floats, side: int = 16) -> Floats:
    height, width = values.shape
    cut = values[: height // side * side, : width // side * side]
    return cut.reshape(height // side, side, width // side, side).sum(axis=(1, 3))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_left_and_right_ground_truth_agree(layout: str) -> None:
    gaps = []
    for sample in scenes(layout):
        gap = np.abs(between_columns(sample["right_disparity"], sample["disparity"]) - sample["disparity"])
        gaps.append(gap[smooth_and_visible(sample)])
    pooled = np.concatenate(gaps)
    assert np.median(pooled) < 1e-3
    assert np.percentile(pooled, 98) < 0.05


def _plain(plane: Plane, mask: AlphaMask | None, body: int, grey: int) -> Surface:
    table = np.zeros((256, 4), np.uint8)
    table[:, :3] = grey
    mipmap = Mipmap.from_tile(np.zeros((TILE, TILE), np.uint8))
    axes = Rig(100, 10, 100.0, 50.0, 5.0).texture_axes(plane, 0.0)
    texture = Texture(mipmap, table.view(np.uint32)[:, 0], axes, 0.1, lod=0.0)
    return Surface(Geometry(plane), texture, mask, body)


def _card_before_wall(left: float, right: float) -> tuple[View, View]:
    """A wall at disparity 4, and before it a card at 12 between two columns of the left view."""
    mask = AlphaMask((left, 2.0, right, 7.0))
    mask.fill(np.array([[left, -20.0], [right, -20.0], [right, 30.0], [left, 30.0]]))
    views = View(100, 10, right=False), View(100, 10, right=True)
    for view in views:
        view.draw([_plain(Plane(0, 0, 12.0), mask, 1, 200), _plain(Plane(0, 0, 4.0), None, 0, 50)])
    return views


def test_occlusion_of_a_card_before_a_wall() -> None:
    left, right = _card_before_wall(59.5, 80.5)
    row = non_occluded(left, right)[4]
    expected = np.ones(100, bool)
    expected[:4] = False  # left of the right view
    expected[60 - 12 + 4 : 60] = False  # where the right view has the card, the wall is hidden
    np.testing.assert_array_equal(
        left.disparity[4], np.where((np.arange(100) >= 60) & (np.arange(100) <= 80), 12, 4)
    )
    np.testing.assert_array_equal(row[:80], expected[:80])


def test_edges_are_antialiased_and_disparity_is_that_of_the_larger_part() -> None:
    ramps, mixed = [], 0
    for edge in (60.1, 60.35, 60.6):
        left, right = _card_before_wall(edge, 90.0)
        colors = left.color[4, :, 0].astype(int)
        ramps.append(colors[58:63].sum())
        assert set(np.unique(left.disparity[4])) == {4.0, 12.0}
        mixed += int(((colors > 55) & (colors < 195))[58:63].sum())
        front = colors > 125
        np.testing.assert_array_equal(left.disparity[4, 57:64] == 12, front[57:64])
        np.testing.assert_array_equal(right.color[4, 45:60], left.color[4, 57:72])
    assert mixed >= 2
    assert ramps[0] > ramps[1] > ramps[2]  # the edge moves by parts of a pixel


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(Plane(0.2, -0.1, 20.0)),
        Geometry(Plane(-0.3, 0.05, 40.0)),
        Geometry(Plane(0.05, 0.0, 10.0), Bump(60, 20, dome=4.0, qx=4 / 50**2, qy=4 / 30**2)),
        Geometry(Plane(-0.1, 0.1, 25.0), Bump(60, 20, wave=2.0, kx=0.15, ky=0.1, phase=1.0)),
    ],
)
def test_right_geometry_inverts_the_left_one(geometry: Geometry) -> None:
    xs, ys = np.arange(0, 80, dtype=np.float32), np.arange(0, 40, dtype=np.float32)
    x, disparity = geometry.right(xs, ys)
    np.testing.assert_allclose(x - disparity, np.broadcast_to(xs, x.shape), atol=1e-4)
    a, b, c = geometry.plane
    expected = a * x.astype(float) + b * ys[:, None] + c
    if geometry.bump is not None:
        q = geometry.bump
        dx, dy = x - q.x0, ys[:, None] - q.y0
        expected += q.dome - q.qx * dx**2 - q.qy * dy**2 + q.wave * np.sin(q.kx * dx + q.ky * dy + q.phase)
    np.testing.assert_allclose(disparity, expected, atol=2e-3)


def test_curved_geometry_is_inverted_from_far_away_too() -> None:
    """What lies left or right of a dome must not be taken for a part of it."""
    rng = np.random.default_rng(0)
    xs, ys = np.arange(-100, 300, dtype=np.float32), np.arange(0, 60, 7, dtype=np.float32)
    for _ in range(60):
        rx, k = rng.uniform(4, 80), rng.uniform(0.02, 0.5)
        if rng.random() < 0.5:
            bump = Bump(*rng.uniform(0, 100, 2), dome=0.17 * rx, qx=0.17 / rx, qy=0.17 / rx, rx=rx)
        else:
            bump = Bump(*rng.uniform(0, 100, 2), wave=0.35 / k, kx=k, ky=rng.normal(0, 0.1), phase=1.0)
        geometry = Geometry(Plane(rng.uniform(-0.25, 0.25), rng.normal(0, 0.2), rng.uniform(5, 60)), bump)
        x, disparity = geometry.right(xs, ys)
        plane = geometry.plane.a * x + geometry.plane.b * ys[:, None] + geometry.plane.c
        np.testing.assert_allclose(disparity, plane + bump.value_and_slope(x, ys[:, None])[0], atol=5e-3)


def test_plane_in_space_has_the_disparity_of_its_points() -> None:
    rig = Rig(200, 100, 150.0, 80.0, 40.0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        normal, corner = rng.normal(size=3), np.array([*rng.normal(size=2), rng.uniform(3, 9)])
        along = np.cross(normal, rng.normal(size=3))
        points = corner + np.outer(rng.uniform(-0.5, 0.5, 8), along)
        points = points[points[:, 2] > 0.5]
        plane = rig.plane(corner.tolist(), normal.tolist())
        found = [plane.at(x, y) for x, y in rig.project(points)]
        np.testing.assert_allclose(found, rig.focal / points[:, 2], rtol=1e-6)
