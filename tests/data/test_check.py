"""The checks themselves, one mistake at a time."""

from __future__ import annotations

import numpy as np
import pytest

from dsmnet.data.check import better_reading, check_dataset, choose_pairs, find_problems
from dsmnet.errors import FormatError
from dsmnet.protocols import StereoSample

HEIGHT, WIDTH, SHIFT = 80, 120, 8


def plane(tilt: float = 0.1) -> StereoSample:
    """A tilted plane with a random texture: right(x - d) = left(x), d in whole pixels from SHIFT on."""
    rng = np.random.default_rng(0)
    left = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    disparity = np.repeat(np.round(SHIFT + tilt * np.arange(HEIGHT))[:, None], WIDTH, 1).astype(np.float32)
    right = rng.integers(0, 256, left.shape, np.uint8)
    for y, d in enumerate(disparity[:, 0].astype(int)):
        right[y, : WIDTH - d] = left[y, d:]
    return {
        "left": left,
        "right": right,
        "name": "plane",
        "dataset": "made",
        "disparity": disparity,
        "valid": np.ones(disparity.shape, bool),
    }


def test_a_good_pair_has_no_problem():
    assert find_problems(plane()) == []
    assert find_problems({k: v for k, v in plane().items() if k not in ("disparity", "valid")}) == []  # type: ignore[typeddict-item]


def test_a_darker_right_view_is_no_problem():
    pair = plane()
    pair["right"] = (pair["right"] // 3 + 40).astype(np.uint8)
    assert find_problems(pair) == []


@pytest.mark.parametrize(
    ("factor", "reading"),
    [(2.0, "divided by 2"), (3.0, "divided by 3"), (1 / 2, "times 2"), (1 / 3, "times 3")],
)
def test_a_wrong_scale_is_recognised(factor: float, reading: str):
    pair = plane()
    pair["disparity"] = pair["disparity"] * np.float32(factor)
    assert better_reading(pair) == reading


def test_swapped_views_and_upside_down_maps_are_recognised():
    pair = plane()
    pair["left"], pair["right"] = pair["right"], pair["left"]
    assert better_reading(pair) == "with left and right view swapped"
    pair = plane()
    pair["disparity"] = pair["disparity"][::-1].copy()
    assert better_reading(pair) == "upside down"


def test_too_little_to_tell_is_no_problem():
    pair = plane()
    pair["disparity"] = pair["disparity"] * 2
    pair["valid"][:] = False
    pair["valid"][0, :100] = True
    assert better_reading(pair) is None
    assert find_problems(pair) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p["right"].fill(7), "the right view has one colour only"),
        (lambda p: p.update(right=p["left"].copy()), "same image"),
        (lambda p: p["valid"].fill(False), "knows no pixel"),
        (lambda p: p["disparity"].__setitem__((3, 3), np.nan), "negative or not finite"),
        (lambda p: p["disparity"].__setitem__((3, 3), -1), "negative or not finite"),
        (lambda p: p["disparity"].__setitem__((3, 3), 120), "disparity of 120.0 px in an image 120 px wide"),
    ],
)
def test_each_mistake_is_said(change, message: str):  # type: ignore[no-untyped-def]
    pair = plane()
    change(pair)
    (problem,) = find_problems(pair)
    assert message in problem


class Broken:
    """Three pairs, of which the second cannot be read."""

    name = "broken"

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> StereoSample:
        if index == 1:
            raise FormatError("one.png: truncated")
        return plane()


def test_what_cannot_be_read_is_listed_and_the_rest_counted():
    report, kept = check_dataset(Broken(), range(3), keep=[1, 2])
    assert (report.pairs, report.checked, report.with_truth) == (3, 2, 2)
    assert report.problems == ["one.png: truncated"]
    assert len(kept) == 1
    assert report.sizes == {(HEIGHT, WIDTH): 2}
    assert (report.lowest, report.highest) == (8, 16)
    assert report.known_pixels == report.truth_pixels == 2 * HEIGHT * WIDTH


def test_pairs_are_spread_evenly():
    assert choose_pairs(5, None) == [0, 1, 2, 3, 4]
    assert choose_pairs(100, 3) == [0, 49, 99]
    assert choose_pairs(2, 9) == [0, 1]
    assert choose_pairs(10, 1) == [0]
