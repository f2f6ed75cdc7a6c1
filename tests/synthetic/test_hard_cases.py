"""Hard cases: each does what it says, for its share of the scenes, and the ground truth stays exact."""

from __future__ import annotations

import functools
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dsmnet.synthetic import HARD_CASES, LAYOUTS, SyntheticStereo
from dsmnet.synthetic.alpha_masks import AlphaMask
from dsmnet.synthetic.geometry import Plane, Rig
from dsmnet.synthetic.reflections import add_wet_ground
from dsmnet.synthetic.render import View
from dsmnet.synthetic.scene import Scene
from dsmnet.types import StereoSample
from tests.synthetic.scenes import clean, equal
from tests.synthetic.test_ground_truth import _plain, between_columns, smooth_and_visible, warp

MIRRORS = ("shiny_cars", "wet_ground")  # match at another disparity than the ground truth's


@functools.cache
def scenes(case: str | None, layout: str | None = None, count: int = 12) -> list[StereoSample]:
    options = {"layouts": {layout: 1.0}} if layout else {}
    data = clean(**options, hard_cases={case: 1.0} if case else None)
    return [data[i] for i in range(count)]


def average(measure: Any, case: str | None, layout: str) -> float:
    return float(np.mean([measure(sample) for sample in scenes(case, layout)]))


def thin_share(sample: StereoSample) -> float:
    """Return the share of pixels on something less than nine pixels wide."""
    nearer = sample["disparity"] - cv2.morphologyEx(sample["disparity"], cv2.MORPH_OPEN, np.ones((1, 9)))
    return float((nearer > 1).mean())


def edge_share(sample: StereoSample) -> float:
    return float((np.abs(np.diff(sample["disparity"], axis=1)) > 1).mean())


def plain_share(sample: StereoSample) -> float:
    """Return the share of pixels around which brightness is the same but for two of 255."""
    grey = cv2.cvtColor(sample["left"], cv2.COLOR_RGB2GRAY)
    patch = np.ones((9, 9), np.uint8)
    return float((cv2.dilate(grey, patch).astype(int) - cv2.erode(grey, patch) <= 4).mean())


def saturation(sample: StereoSample) -> float:
    return float(cv2.cvtColor(sample["left"], cv2.COLOR_RGB2HSV)[..., 1].mean())


@pytest.mark.parametrize("case", HARD_CASES)
def test_ground_truth_stays_exact(case: str) -> None:
    gaps, errors, wrong = [], [], []
    for layout in LAYOUTS:
        for sample in scenes(case, layout, 4):
            assert sample["valid"].all()
            assert sample["right_valid"].all()
            assert sample["disparity"].max() <= 48
            mask, d = smooth_and_visible(sample), sample["disparity"]
            gaps.append(np.abs(between_columns(sample["right_disparity"], d) - d)[mask])
            left = sample["left"].astype(np.float32)
            for guess, found in ((d, errors), (d + np.float32(0.5), wrong)):
                found.append(np.abs(warp(sample["right"], guess) - left).mean(axis=-1)[mask])
    gap, error = np.concatenate(gaps), np.concatenate(errors)
    assert np.median(gap) < 1e-3
    assert np.percentile(gap, 98) < 0.05
    assert np.median(error) <= 1.0
    if case not in MIRRORS:
        assert np.percentile(error, 95) <= 6.0
        assert np.concatenate(wrong).mean() > 1.4 * error.mean()


@functools.cache
def usual() -> list[StereoSample]:
    data = SyntheticStereo(size=(64, 128), largest_disparity=32)
    return [data[i] for i in range(16)]


@pytest.mark.parametrize("case", HARD_CASES)
def test_a_share_of_the_scenes_has_it_and_the_others_are_as_without(case: str) -> None:
    data = SyntheticStereo(size=(64, 128), largest_disparity=32, hard_cases={case: 0.5})
    same = [equal(data[i], sample) for i, sample in enumerate(usual())]
    assert 3 <= sum(same) <= 14


@pytest.mark.parametrize(
    ("case", "layout", "measure", "factor"),
    [
        ("thin", "indoor", thin_share, 2.0),
        ("thin", "street", thin_share, 1.5),
        ("floating", "indoor", edge_share, 1.5),
        ("plain_walls", "indoor", plain_share, 1.5),
        ("vivid", "still", saturation, 1.3),
    ],
)
def test_there_is_more_of_it(case: str, layout: str, measure: Any, factor: float) -> None:
    assert average(measure, case, layout) > factor * average(measure, None, layout)


def test_narrow_baselines_bound_every_disparity() -> None:
    for layout in LAYOUTS:
        assert max(float(s["disparity"].max()) for s in scenes("narrow", layout)) <= 0.3 * 48
        assert max(float(s["disparity"].max()) for s in scenes(None, layout)) > 0.5 * 48


def test_tiles_lie_on_walls_and_ground() -> None:
    bank = clean().bank()
    tiled = Scene(np.random.default_rng(0), Rig(100, 50, 80, 50, 20), bank, 10, hard=frozenset({"tiles"}))
    laid = {id(tile) for name in ("bricks", "checks") for tile in bank.tiles[name]}
    assert {id(tiled.material(family).mipmap) for family in ("wall", "ground") for _ in range(20)} <= laid


def test_glass_lets_through_what_was_added_after_it() -> None:
    mask = AlphaMask((40.0, 2.0, 60.0, 7.0))
    mask.fill(np.array([[40.0, -20.0], [60.0, -20.0], [60.0, 30.0], [40.0, 30.0]]))
    glass = _plain(Plane(0, 0, 12.0), mask, 1, 200)._replace(opacity=0.25)
    everywhere = AlphaMask((0.0, 0.0, 140.0, 9.0))
    everywhere.fill(np.array([[-9.0, -9.0], [160.0, -9.0], [160.0, 30.0], [-9.0, 30.0]]))
    for right, column in ((False, 50), (True, 38)):
        view = View(100, 10, right)
        view.draw([glass, _plain(Plane(0, 0, 4.0), everywhere, 0, 40)])
        assert view.disparity[4, column] == 12
        assert abs(int(view.color[4, column, 0]) - 80) <= 2
        assert view.color[4, 10, 0] == 40


def test_cars_of_a_street_mirror_and_are_seen_through() -> None:
    from dsmnet.synthetic.cars import car
    from dsmnet.synthetic.world import World

    bank, opacities, glossy = clean().bank(), [], 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        scene = Scene(rng, Rig(192, 96, 150, 96, 40), bank, 20, hard=frozenset({"shiny_cars"}))
        car(World(scene, 1.5, 1.0), 0.5, 14.0, 0.5, None)
        opacities += [surface.opacity for surface in scene.surfaces]
        glossy += len(scene.glossy)
    assert glossy >= 30  # flank, bonnet and windscreen at least
    assert sum(opacity < 1 for opacity in opacities) >= 10


def test_wet_ground_mirrors_at_the_disparity_of_what_it_mirrors() -> None:
    rng = np.random.default_rng(0)
    left, right = View(160, 80, False), View(160, 80, True)
    house = cv2.GaussianBlur(rng.integers(0, 255, (80, 200, 4)).astype(np.uint8), (0, 0), 2)
    house = cv2.normalize(house, None, 0, 255, cv2.NORM_MINMAX)
    for view, shift in ((left, 0), (right, 8)):
        view.body[:40], view.disparity[:40] = 1, 8
        view.color[:40] = house[:40, shift : shift + 160]
        view.body[40:], view.disparity[40:] = 0, np.linspace(8, 40, 40)[:, None]
        view.color[40:] = 90
        view.color[..., 3] = 128
    before = left.color.copy()
    add_wet_ground(np.random.default_rng(1), left, right)
    np.testing.assert_array_equal(left.color[:40], before[:40])
    assert (left.color[40:] != before[40:]).mean() > 0.3
    rows: NDArray[np.int64] = np.arange(60, 78)

    def error(disparity: NDArray[np.int64]) -> float:
        columns = np.arange(60, 150) - disparity[:, None]
        other = right.color[rows[:, None], columns].astype(float)
        return float(np.abs(left.color[60:78, 60:150].astype(float) - other).mean())

    assert error(np.full(18, 8)) < 0.5 * error(np.rint(left.disparity[rows, 0]).astype(int))


def test_light_changes_walls_and_floors_and_no_disparity() -> None:
    changed = []
    for layout in ("street", "indoor"):
        for dark, usual in zip(scenes("light", layout), scenes(None, layout), strict=True):
            np.testing.assert_array_equal(dark["disparity"], usual["disparity"])
            # The exposure follows the mean: the ratio of both views varies where light falls.
            ratio = (dark["left"].astype(float) + 8) / (usual["left"] + 8.0)
            changed.append(float(np.percentile(ratio, 90) / np.percentile(ratio, 10)))
    assert np.median(changed) > 1.3
