"""The checks themselves, one mistake at a time."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from dsmnet.config import compose, instantiate
from dsmnet.datasets.health_check import (
    CELL,
    better_reading,
    check_dataset,
    choose_pairs,
    find_problems,
    read_some,
)
from dsmnet.errors import FormatError, UserError
from dsmnet.types import StereoSample

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


def test_a_map_that_is_its_own_mirror_image_is_no_problem():
    """Noise decides which of two equal maps fits better; a margin keeps it from being reported."""
    pair = plane(tilt=0)
    below = slice(HEIGHT // 2, None)
    pair["valid"][: HEIGHT // 2] = False  # known below, where there is noise; upside down, it is seen above
    noise = np.random.default_rng(1).integers(-20, 21, pair["right"][below].shape)
    pair["right"][below] = np.clip(pair["right"][below] + noise, 0, 255).astype(np.uint8)
    assert better_reading(pair) is None


def test_one_strong_edge_proves_nothing_and_texture_all_over_does():
    pair = plane()
    pair["disparity"] = pair["disparity"] * np.float32(2)
    edge = {side: pair[side] // 16 + 100 for side in ("left", "right")}
    for side, column in (("left", 60), ("right", 60 - SHIFT)):
        edge[side][:CELL, column:] += 100
    assert better_reading(pair) == "divided by 2"
    assert better_reading({**pair, **edge}) is None


def test_tiny_generated_pairs_are_no_problem():
    options = [
        "dataset.size=[40,64]",
        "dataset.largest_disparity=16",
        "dataset.min_near=5.33",
        "dataset.seed=1",
    ]
    pairs = instantiate(compose("check_data", ["dataset=synthetic", *options]).dataset)
    found = [find_problems(pairs[index]) for index in range(64)]  # the 52nd fits at half its disparities
    assert found == [[]] * 64


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
        (lambda p: p["right"].fill(7), "the right view has one color only"),
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
    """Nine pairs; some cannot be read, one trips a library, one has its views swapped."""

    name = "broken"

    def __len__(self) -> int:
        return 9

    def __getitem__(self, index: int) -> StereoSample:
        if index == 1:
            raise FormatError("one.png: truncated")
        if index == 3:
            raise ValueError("no reader was prepared for this")
        pair = plane(tilt=0.1 + 0.01 * index)
        if index == 6:
            pair["left"], pair["right"] = pair["right"], pair["left"]
        return pair


def test_what_cannot_be_read_is_listed_and_the_rest_counted():
    report = check_dataset(Broken(), range(4))
    assert (report.pairs, report.checked, report.with_ground_truth) == (9, 2, 2)
    assert report.problems == [
        "one.png: truncated",
        "broken pair 3: ValueError: no reader was prepared for this",
    ]
    assert report.sizes == {(HEIGHT, WIDTH): 2}
    assert (report.lowest, report.highest) == (8, 17)
    assert report.known_pixels == report.ground_truth_pixels == 2 * HEIGHT * WIDTH


def test_the_report_does_not_depend_on_the_number_of_processes():
    shown: list[object] = []

    def watch(parts):  # type: ignore[no-untyped-def]
        for part in parts:
            shown.append(part)
            yield part

    alone, two, many = (check_dataset(Broken(), range(9), n, watch) for n in (1, 2, 20))
    assert alone == two == many
    assert [problem.split(":")[0] for problem in alone.problems] == [
        "one.png",
        "broken pair 3",
        "broken pair 6",
    ]
    assert len(shown) == 3 * 9


def test_pairs_to_look_at_are_those_that_can_be_read():
    assert [pair["name"] for pair in read_some(Broken(), [0, 1, 3, 4])] == ["plane", "plane"]


def test_pairs_are_spread_evenly():
    assert choose_pairs(5, None) == [0, 1, 2, 3, 4]
    assert choose_pairs(100, 3) == [0, 49, 99]
    assert choose_pairs(2, 9) == [0, 1]
    assert choose_pairs(10, 1) == [0]


class Deadly(Broken):
    """A set one of whose pairs ends the process that reads it."""

    def __getitem__(self, index: int) -> StereoSample:
        if index == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(index)


def test_check_dataset_with_a_killed_process_is_one_error():
    with pytest.raises(UserError, match="broken: a process that reads pairs was killed; workers=1 tells"):
        check_dataset(Deadly(), range(4), 2)
