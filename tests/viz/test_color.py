"""Colors against their definitions."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
import torch

from dsmnet import metrics
from dsmnet.errors import ShapeError, UserError
from dsmnet.viz.color import (
    check_limits,
    color_disparity,
    color_error,
    disparity_range,
    error_table,
    grow,
    known_pixels,
)


def row(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def test_disparity_colors_are_those_of_the_map_at_the_same_level():
    picture = color_disparity(row(10, 20, 30), limits=(10, 30))
    turbo = matplotlib.colormaps["turbo"]
    expected = [np.rint(np.array(turbo(level))[:3] * 255) for level in (0.0, 128, 1.0)]
    expected[1] = np.rint(np.array(turbo(128 / 255))[:3] * 255)  # 0.5 lies between two of 256 levels
    np.testing.assert_array_equal(picture[0], expected)


def test_disparities_outside_the_range_get_its_end_colors():
    inside = color_disparity(row(10, 30), limits=(10, 30))
    np.testing.assert_array_equal(color_disparity(row(2, 99), limits=(10, 30)), inside)


def test_near_is_warm_and_far_is_cold():
    far, near = color_disparity(row(4, 46), limits=(0, 50))[0].astype(int)
    assert near[0] > near[2] + 50  # red over blue
    assert far[2] > far[0] + 50


@pytest.mark.parametrize("unknown", [0.0, -1.0, np.nan, np.inf])
def test_unknown_pixels_are_black_and_no_known_one_is(unknown: float):
    disparity = np.linspace(1, 50, 200, dtype=np.float32).reshape(10, 20)
    disparity[3, 4] = unknown
    black = ~color_disparity(disparity).any(axis=-1)
    assert black[3, 4]
    assert black.sum() == 1


def test_a_valid_mask_decides_what_is_known():
    disparity, valid = row(0, 5, 5), np.array([[True, True, False]])
    np.testing.assert_array_equal(known_pixels(disparity, valid), [[True, True, False]])
    with pytest.raises(ShapeError, match=r"\(1, 2\).*\(1, 3\)"):
        known_pixels(disparity, valid[:, :2])


def test_range_ignores_a_few_wild_pixels_and_unknown_ones():
    disparity = np.linspace(20, 40, 10_000, dtype=np.float32).reshape(100, 100)
    disparity[0, :30] = 5000
    disparity[1, :50] = 0
    low, high = disparity_range(disparity)
    assert 20 < low < 21
    assert 39 < high < 41


def test_range_is_never_empty():
    assert disparity_range(np.zeros((4, 4), np.float32)) == (0.0, 1.0)
    low, high = disparity_range(np.full((4, 4), 7, np.float32))
    assert low < 7 < high


def test_error_colors_are_kittis():
    """The ten colors that the benchmark's error images show, from small to large."""
    assert error_table().tolist() == [
        [49, 54, 149],
        [69, 117, 180],
        [116, 173, 209],
        [171, 217, 233],
        [224, 243, 248],
        [254, 224, 144],
        [253, 174, 97],
        [244, 109, 67],
        [215, 48, 39],
        [165, 0, 38],
    ]


@pytest.mark.parametrize(
    ("target", "error", "color"),
    [
        (20, 0.1, 0),  # up to 3/16 px
        (20, 0.25, 1),
        (20, 0.5, 2),
        (20, 1.0, 3),
        (20, 2.9, 4),
        (20, 3.1, 5),
        (20, 11, 6),
        (20, -13, 7),
        (20, 25, 8),
        (20, 49, 9),
        (20, 1000, 9),
        (100, 4.9, 4),  # 5 % of 100 px is what counts there
        (100, 5.1, 5),
        (100, 0.3, 0),
        (200, 21, 6),  # 2.1 times 10 px
    ],
)
def test_error_color_of_a_known_error(target: float, error: float, color: int):
    picture = color_error(row(target + error), row(target))
    np.testing.assert_array_equal(picture[0, 0], error_table()[color])


def test_an_error_is_warm_exactly_where_d1_counts_it():
    rng = np.random.default_rng(1)
    target = rng.uniform(1, 200, (40, 50)).astype(np.float32)
    target[:2] = 32
    prediction = (target + rng.normal(0, 6, target.shape)).astype(np.float32)
    prediction[0] = 35  # exactly 3 px
    code = np.array([1 << 16, 1 << 8, 1])
    warm = np.isin(color_error(prediction, target).astype(int) @ code, error_table()[5:].astype(int) @ code)
    assert not warm[0].any()
    d1 = metrics.d1(*(torch.from_numpy(m) for m in (prediction, target, target > 0)))
    assert 100 * warm.mean() == pytest.approx(float(d1), abs=1e-4)


def test_error_is_black_where_ground_truth_is_unknown_and_spreads_on_demand():
    target = np.zeros((7, 7), np.float32)
    target[3, 3] = 10
    prediction = np.full((7, 7), 30, np.float32)
    assert color_error(prediction, target).any(axis=-1).sum() == 1
    spread = color_error(prediction, target, spread=1)
    assert spread.any(axis=-1).sum() == 5  # the pixel and its four neighbours
    np.testing.assert_array_equal(spread[3, 4], error_table()[7])
    with pytest.raises(ShapeError, match=r"\[7, 6\].*\[7, 7\]"):
        color_error(prediction[:, :6], target)


def test_growing_keeps_known_values():
    values, known = row(0, 4, 9, 0, 0), np.array([[False, True, True, False, False]])
    grown, reached = grow(values, known, 1)
    np.testing.assert_array_equal(grown, [[4, 4, 9, 9, 0]])
    np.testing.assert_array_equal(reached, [[True, True, True, True, False]])


def test_wrong_options_are_named():
    with pytest.raises(UserError, match="color_map=rainbowish"):
        color_disparity(row(1, 2), color_map="rainbowish")
    assert check_limits(None) is None
    assert check_limits([0, 64]) == (0.0, 64.0)
    for wrong in ([1], [3, 3], [9, 1], [1, 2, 3], "ab", 5):
        with pytest.raises(UserError, match="limits="):
            check_limits(wrong)
