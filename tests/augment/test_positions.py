"""What happens to positions, disparities and calibrations, against values worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dsmnet.augment import (
    RandomCrop,
    RandomHorizontalFlip,
    RandomScaleCrop,
    RandomShift,
    VerticalMisalignment,
)
from dsmnet.augment.random_shift import shift
from dsmnet.augment.resample import is_sparse, resize
from dsmnet.errors import DataError
from dsmnet.types import Calibration

CALIBRATION = Calibration(focal=200.0, baseline=0.5, cx=50.0, cy=30.0, doffs=3.0, max_disparity=40)


def pair(disparity: np.ndarray, valid: np.ndarray | None = None, **parts: Any) -> Any:
    """A left view that shows in red its column, in green its row; the right view is the same."""
    height, width = disparity.shape
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0], image[..., 1] = np.arange(width), np.arange(height)[:, None]
    valid = disparity > 0 if valid is None else valid
    disparity = np.where(valid, disparity, 0).astype(np.float32)
    maps = {"left": image, "right": image.copy(), "disparity": disparity, "valid": valid}
    return {**maps, "name": "pair", "dataset": "test", **parts}


def plane(height: int = 60, width: int = 120) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return 0.2 * x - 0.1 * y + 12.0


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("height", "width"), [(90, 240), (45, 80), (60, 171), (77, 120)])
def test_a_plane_stays_a_plane(height: int, width: int) -> None:
    vertical, horizontal = height / 60, width / 120
    scaled = resize(pair(plane()), height, width, sparse=False)
    y, x = (np.mgrid[:height, :width] + 0.5) / np.array([vertical, horizontal])[:, None, None] - 0.5
    inside = (x >= 0) & (x <= 119) & (y >= 0) & (y <= 59)
    expected = horizontal * (0.2 * x - 0.1 * y + 12.0)
    np.testing.assert_allclose(scaled["disparity"][inside], expected[inside], rtol=2e-6)
    assert scaled["valid"].all()


@pytest.mark.parametrize("size", [(70, 137), (40, 60)])
@pytest.mark.parametrize("far", [5.0, 0.7])  # holes are 0: a hole next to 0.7 looks like one surface
def test_surfaces_and_holes_are_not_mixed(size: tuple[int, int], far: float) -> None:
    step = np.full((50, 100), far, np.float32)
    step[:, 41:] = 30.0
    valid = rng().random(step.shape) < 0.9
    scaled = resize(pair(step, valid), *size, sparse=False)
    factor = np.float32(size[1] / 100)
    assert set(np.unique(scaled["disparity"])) == {0.0, np.float32(far) * factor, np.float32(30) * factor}
    np.testing.assert_array_equal(scaled["disparity"] > 0, scaled["valid"])
    near = scaled["disparity"] > 20 * factor
    edge = np.arange(size[1]) + 0.5 > 41 * factor
    np.testing.assert_array_equal(near, scaled["valid"] & edge)


@pytest.mark.parametrize("size", [(70, 150), (50, 100), (33, 71)])
def test_sparse_ground_truth_keeps_its_values_and_goes_to_the_nearest_pixel(size: tuple[int, int]) -> None:
    disparity = rng().uniform(1, 60, (50, 100)).astype(np.float32)
    valid = rng(1).random(disparity.shape) < 0.2
    noc = valid & (rng(2).random(disparity.shape) < 0.5)
    scaled = resize(pair(disparity, valid, noc=noc), *size, sparse=True)
    expected: dict[tuple[int, int], tuple[float, bool]] = {}
    for y, x in zip(*np.nonzero(valid), strict=True):
        place = int((y + 0.5) * size[0] / 50), int((x + 0.5) * size[1] / 100)
        expected[place] = max(expected.get(place, (0.0, False)), (disparity[y, x], noc[y, x]))
    assert scaled["valid"].sum() == len(expected)
    factor = np.float32(size[1] / 100)
    for place, (value, seen) in expected.items():
        assert scaled["disparity"][place] == np.float32(value) * factor
        assert scaled["noc"][place] == seen


def test_sparse_ground_truth_is_told_by_its_neighbours() -> None:
    holes = np.ones((50, 100), bool)
    holes[10:30, 20:60] = False  # a large hole
    assert not is_sparse(holes)
    lines = np.zeros((50, 100), bool)
    lines[::3] = True  # of a laser scanner
    assert is_sparse(lines)
    assert not is_sparse(np.zeros((5, 5), bool))
    for target, kept in (("auto", True), ("sparse", True), ("dense", False)):
        step = RandomScaleCrop(40, 80, 0.5, 0.5, 0.0, 1.0, 0.0, ground_truth=target)
        sample = pair(rng().uniform(1, 60, (50, 100)), lines)
        changed = step(sample, rng())
        values = changed["disparity"][changed["valid"]]
        assert (len(values) == len(np.unique(values))) == kept  # looking up would write them twice


@pytest.mark.parametrize("seed", range(8))
def test_scaled_window_shows_what_it_says(seed: int) -> None:
    """Position in the original is encoded in the image, disparity is a function of it."""
    step = RandomScaleCrop(40, 80, -0.4, 0.8, 0.2)
    changed = step(pair(plane(), calibration=CALIBRATION), rng(seed))
    assert changed["left"].shape == (40, 80, 3)
    x, y = (changed["left"][5:-5, 5:-5, channel].astype(float) for channel in (0, 1))
    factor = (x.shape[1] - 1) / (x[0, -1] - x[0, 0])
    expected = factor * (0.2 * x - 0.1 * y + 12.0)
    np.testing.assert_allclose(changed["disparity"][5:-5, 5:-5], expected, rtol=0.03)
    assert 2**-0.6 * 0.98 < factor < 2**1.0 * 1.02


def test_no_scale_is_a_crop() -> None:
    sample = pair(plane())
    for seed in range(5):
        changed = RandomScaleCrop(40, 80, scale_probability=0.0)(sample, rng(seed))
        x, y = (int(v) for v in changed["left"][0, 0, :2])
        np.testing.assert_array_equal(changed["disparity"], sample["disparity"][y : y + 40, x : x + 80])
        np.testing.assert_array_equal(changed["right"], sample["right"][y : y + 40, x : x + 80])


def test_a_window_larger_than_the_image_is_padded_and_shrinking_adds_no_padding() -> None:
    seen = np.ones((60, 120), bool)
    step = RandomScaleCrop(80, 100, -1.0, -1.0, 0.0, 1.0, 0.0)
    changed = step(pair(np.full((60, 120), 10.0), noc=seen), rng())
    # 120 columns become 100, a window of 160 would not fit; 60 rows are padded to 80.
    assert changed["valid"].sum() == 60 * 100
    np.testing.assert_array_equal(changed["disparity"][:60], np.float32(10) * np.float32(100 / 120))
    assert not changed["valid"][60:].any()
    wide = RandomScaleCrop(60, 150, scale_probability=0.0)(pair(np.full((60, 120), 10.0), noc=seen), rng())
    np.testing.assert_array_equal(wide["noc"], np.arange(150)[None] >= 30 + 10 + np.zeros((60, 1)))


def test_points_whose_match_is_outside_of_the_window_are_not_seen_by_both() -> None:
    sample = pair(np.full((20, 60), 7.0), noc=np.ones((20, 60), bool))
    changed = RandomScaleCrop(20, 40, scale_probability=0.0)(sample, rng(3))
    np.testing.assert_array_equal(changed["noc"], np.arange(40)[None] >= 7 + np.zeros((20, 1)))
    assert changed["valid"].all()


def test_shift_changes_every_disparity_by_as_much() -> None:
    world = rng().integers(0, 256, (20, 80, 3)).astype(np.uint8)
    sample = pair(np.full((20, 60), 4.0), noc=np.ones((20, 60), bool), calibration=CALIBRATION)
    sample.update(left=world[:, :60], right=world[:, 4:64])  # right (x - 4) is left (x)
    sample.update(right_disparity=sample["disparity"], right_valid=sample["valid"])
    for pixels in (-3, -1, 0, 2, 5):
        moved = shift(sample, pixels)
        d = 4 + pixels
        width = 60 - abs(pixels)
        assert moved["left"].shape == moved["right"].shape == (20, width, 3)
        np.testing.assert_array_equal(moved["disparity"], d)
        np.testing.assert_array_equal(moved["right_disparity"], d)
        np.testing.assert_array_equal(moved["left"][:, d:], moved["right"][:, : width - d])
        assert moved["noc"][:, d:].all()
        assert not moved["noc"][:, :d].any() or pixels == 0
        assert moved["calibration"].doffs == 3 - pixels
    assert {RandomShift(2)(sample, rng(seed))["disparity"][0, 0] for seed in range(40)} == {2, 3, 4, 5, 6}


def test_points_without_positive_disparity_are_not_valid_after_a_shift() -> None:
    disparity = np.tile(np.array([1.0, 2.0, 2.5, 9.0]), (3, 10))
    moved = shift(pair(disparity, noc=np.ones((3, 40), bool)), -2)
    before = disparity[:, 2:]
    np.testing.assert_array_equal(moved["valid"], before > 2)
    np.testing.assert_array_equal(moved["disparity"], np.maximum(before - 2, 0).astype(np.float32))
    assert (moved["valid"] | ~moved["noc"]).all()
    unknown = rng().random(disparity.shape) < 0.5
    grown = shift(pair(disparity, ~unknown), 3)
    np.testing.assert_array_equal(grown["valid"], ~unknown[:, :-3])
    np.testing.assert_array_equal(grown["disparity"][unknown[:, :-3]], 0)
    with pytest.raises(DataError, match="pair: 40 columns cannot be shifted by 40"):
        RandomShift(40)(pair(disparity), rng())


def test_vertical_jitter_moves_rows_alone() -> None:
    sample = pair(plane(60, 200), right_disparity=plane(60, 200), right_valid=plane(60, 200) > 0)
    found = []
    for seed in range(20):
        changed = VerticalMisalignment(shift=2.0, angle=0.5, probability=1.0)(sample, rng(seed))
        inner = changed["right"][6:-6].astype(float)
        np.testing.assert_array_equal(changed["right"][..., 0], sample["right"][..., 0])  # columns
        moved = np.arange(6, 54)[:, None] - inner[..., 1]  # by how much the content came down
        found.append((moved[:, 100].mean(), np.ptp(moved.mean(axis=0))))
        assert changed["left"] is sample["left"]
        assert changed["disparity"] is sample["disparity"]
        assert "right_disparity" not in changed  # its rows are not those of its view any more
        assert "right_valid" not in changed
    middle, spread = np.array(found).T
    assert 1.0 < np.abs(middle).max() <= 2.5
    assert middle.min() < -0.5
    assert middle.max() > 0.5
    assert 0.8 < spread.max() <= 200 * np.tan(np.radians(0.5)) + 1


def test_crop_looks_for_known_pixels() -> None:
    valid = np.zeros((60, 120), bool)
    valid[30:, 80:] = True
    sample = pair(np.full(valid.shape, 5.0), valid)
    plain = np.mean([RandomCrop(20, 20)(sample, rng(s))["valid"].mean() >= 0.5 for s in range(40)])
    asked = [RandomCrop(20, 20, 0.5, 40)(sample, rng(s))["valid"].mean() for s in range(40)]
    scaled = [RandomScaleCrop(20, 20, 0, 0, min_valid=0.5, tries=40)(sample, rng(s)) for s in range(40)]
    assert plain < 0.5
    assert min(asked) >= 0.5
    assert min(changed["valid"].mean() for changed in scaled) >= 0.45  # factors of the axes round


def test_seeds_of_crops_keep_their_meaning() -> None:
    """Weights were trained with these; the numbers are those of the first release."""
    found = [RandomCrop(20, 30)(pair(plane()), rng(seed))["left"][0, 0, :2].tolist() for seed in range(4)]
    assert found == [[57, 34], [46, 19], [23, 34], [7, 33]]


def test_crop_takes_the_fullest_window_when_none_is_full_enough() -> None:
    valid = rng().random((60, 120)) < np.linspace(0, 0.6, 120)
    sample = pair(np.full(valid.shape, 5.0), valid)
    generator, shares = rng(7), []
    for _ in range(6):
        y, x = int(generator.integers(0, 41)), int(generator.integers(0, 101))
        shares.append(valid[y : y + 20, x : x + 20].mean())
    assert RandomCrop(20, 20, 0.9, 6)(sample, rng(7))["valid"].mean() == max(shares)
    assert RandomCrop(20, 20)(sample, rng(7))["valid"].mean() == shares[0]


def depth(sample: Any) -> np.ndarray:
    c = sample["calibration"]
    return c.focal * c.baseline / (sample["disparity"] + c.doffs)


@pytest.mark.parametrize(
    "step",
    [
        RandomCrop(90, 150),
        RandomCrop(250, 270),
        RandomScaleCrop(90, 150, 0, 0.8, 0),
        RandomScaleCrop(90, 150, -0.6, -0.1, 0),
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_calibration_follows_the_pixels(step: Any, seed: int) -> None:
    """A pixel's ray and depth are what they were where the image shows it came from."""
    changed = step(pair(plane(200, 250) + 30, calibration=CALIBRATION), rng(seed))
    c = changed["calibration"]
    rows, columns = np.nonzero(changed["valid"])
    away = (columns > 1) & (columns < 148) & (rows > 1) & (rows < 88)  # resampling repeats the border
    rows, columns = rows[away], columns[away]
    x, y = (changed["left"][rows, columns, channel].astype(float) for channel in (0, 1))
    np.testing.assert_allclose((columns - c.cx) / c.focal, (x - 50) / 200, atol=0.51 / 200)
    # The vertical factor may differ by 1 % from the horizontal one, of which the focal length is.
    np.testing.assert_allclose((rows - c.cy) / c.focal, (y - 30) / 200, atol=0.51 / 200, rtol=0.01)
    expected = 200 * 0.5 / (0.2 * x - 0.1 * y + 42 + 3)
    np.testing.assert_allclose(depth(changed)[rows, columns], expected, rtol=0.005)
    assert c.baseline == 0.5


def test_calibration_of_shifted_and_exchanged_views() -> None:
    sample = pair(plane(), calibration=CALIBRATION)
    for pixels in (-5, 5):
        moved = shift(sample, pixels)
        np.testing.assert_allclose(depth(moved), depth(sample)[:, max(-pixels, 0) :][:, :115], rtol=1e-6)
        assert moved["calibration"].cx == 50 - max(-pixels, 0)
        assert moved["calibration"].max_disparity == 40 + pixels
    sample.update(right_disparity=sample["disparity"], right_valid=sample["valid"])
    swapped = RandomHorizontalFlip(1.0)({**sample, "foreground": sample["valid"]}, rng())
    # The new left camera is the old right one, whose centre lies at 53; 119 - 53 in the mirror.
    assert swapped["calibration"] == CALIBRATION._replace(cx=66.0)
    assert "foreground" not in swapped  # it was that of the other view


def test_stretched_views_have_no_calibration() -> None:
    sample = pair(plane(), calibration=CALIBRATION)
    assert "calibration" not in resize(sample, 60, 150, sparse=False)
    bound = Calibration(max_disparity=40)  # all that some sets state
    scaled = resize(pair(plane(), calibration=bound), 90, 180, sparse=False)
    assert scaled["calibration"] == Calibration(max_disparity=60)
