"""Windows, exchanged views and what both of them see; colors that change in both alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dsmnet.augment import (
    LocalLight,
    RandomCrop,
    RandomGainGamma,
    RandomHorizontalFlip,
    RandomOcclusion,
    RandomScaleCrop,
    RandomShift,
    VerticalMisalignment,
    visible_in_both,
)
from dsmnet.errors import UserError


def shifted_pair(disparity: int = 6, height: int = 40, width: int = 60) -> Any:
    """A fronto-parallel scene: the right view is the left one moved by a whole number of pixels."""
    rng = np.random.default_rng(0)
    world = rng.integers(0, 256, (height, width + disparity, 3)).astype(np.uint8)
    left, right = world[:, :width], world[:, disparity:]
    target = np.full((height, width), disparity, np.float32)
    seen = np.zeros((height, width), bool)
    seen[:, disparity:] = True
    return {
        "left": left,
        "right": right,
        "disparity": target,
        "valid": np.ones_like(seen),
        "noc": seen,
        "right_disparity": target.copy(),
        "right_valid": np.ones_like(seen),
        "name": "pair",
        "dataset": "test",
    }


def test_swap_mirrors_and_recomputes_what_both_see() -> None:
    sample = shifted_pair()
    swapped = RandomHorizontalFlip(1.0)(sample, np.random.default_rng(0))
    np.testing.assert_array_equal(swapped["left"], sample["right"][:, ::-1])
    assert not swapped["noc"][:, :6].any()
    assert swapped["noc"][:, 6:].all()
    again = RandomHorizontalFlip(1.0)(swapped, np.random.default_rng(0))
    for key in ("left", "right", "disparity", "noc"):
        np.testing.assert_array_equal(again[key], sample[key])


def test_swap_leaves_a_sample_without_right_ground_truth_alone() -> None:
    sample = shifted_pair()
    del sample["right_disparity"]
    assert RandomHorizontalFlip(1.0)(sample, np.random.default_rng(0)) is sample


def test_visible_in_both_finds_a_hidden_background() -> None:
    left, right = np.full((1, 20), 2, np.float32), np.full((1, 20), 2, np.float32)
    left[:, 10:14], right[:, 4:8] = 6, 6  # a bar in front of the background
    known = np.ones((1, 20), bool)
    seen = visible_in_both(left, known, right, known)[0]
    expected = np.ones(20, bool)
    expected[:2] = False  # outside the right view
    expected[6:10] = False  # behind the bar in the right view
    np.testing.assert_array_equal(seen, expected)


def test_crop_pads_small_images_with_unknown_pixels() -> None:
    cropped = RandomCrop(48, 64)(shifted_pair(), np.random.default_rng(0))
    assert cropped["left"].shape == (48, 64, 3)
    assert cropped["valid"].sum() == 40 * 60
    assert not cropped["valid"][40:].any()


def test_color_jitter_changes_images_alone_and_both_alike_if_symmetric() -> None:
    sample = shifted_pair()
    grey = {**sample, "left": np.full((4, 4, 3), 100, np.uint8), "right": np.full((4, 4, 3), 100, np.uint8)}
    same = RandomGainGamma(0.4, asymmetric=0.0, probability=1.0)(grey, np.random.default_rng(1))
    np.testing.assert_array_equal(same["left"], same["right"])
    assert (same["left"] != grey["left"]).any()
    other = RandomGainGamma(0.4, asymmetric=1.0, probability=1.0)(grey, np.random.default_rng(1))
    assert (other["left"] != other["right"]).any()
    assert RandomGainGamma(probability=0.0)(sample, np.random.default_rng(0)) is sample


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomCrop(5, 5, min_valid=1.5), "min_valid=1.5"),
        (lambda: RandomCrop(5, 5, tries=0), "tries=0"),
        (lambda: RandomScaleCrop(0, 5), "height=0: expected a whole number"),
        (lambda: RandomScaleCrop(5, 5, 0.4, -0.2), r"min_scale, max_scale=\[0.4, -0.2\]"),
        (lambda: RandomScaleCrop(5, 5, stretch=-0.1), "stretch=-0.1"),
        (lambda: RandomScaleCrop(5, 5, ground_truth="half"), "ground_truth=half: expected one of"),
        (lambda: RandomShift(-1), "shift=-1"),
        (lambda: VerticalMisalignment(float("nan")), "vertical shift=nan"),
        (lambda: VerticalMisalignment(angle=45), "angle=45: expected at most 10 degrees"),
        (lambda: VerticalMisalignment(probability=2), "probability=2"),
        (lambda: RandomHorizontalFlip(1.2), "probability=1.2"),
        (lambda: RandomOcclusion(boxes=(2, 1)), r"boxes=\[2, 1\]: expected two numbers"),
        (lambda: RandomOcclusion(boxes=(0, 1)), r"boxes=\[0, 1\]: expected two numbers"),
        (lambda: RandomOcclusion(size=(10,)), r"size=\[10\]"),
        (lambda: RandomOcclusion(probability=-1), "probability=-1"),
        (lambda: LocalLight(strength=-1.0), "strength=-1"),
        (lambda: LocalLight(count=(3, 1)), r"count=\[3, 1\]: expected two numbers, the lower one first"),
        (lambda: LocalLight(size=(0.0, 1.0)), r"size=\[0.0, 1.0\]: expected two numbers"),
        (lambda: LocalLight(probability=2.0), "probability=2"),
    ],
)
def test_wrong_arguments_are_named(make: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()
