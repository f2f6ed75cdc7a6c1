"""Windows, exchanged views and what both of them see; colors that change in both alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dsmnet.augment import Compose, RandomCrop, RandomGainGamma, RandomHorizontalFlip, visible_in_both
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


def warping_error(sample: Any) -> float:
    """Mean difference of left (x) and right (x - d) where both views see the point."""
    rows, columns = np.nonzero(sample["noc"])
    matched = sample["right"][rows, (columns - sample["disparity"][rows, columns]).astype(int)]
    return float(np.abs(matched.astype(float) - sample["left"][rows, columns]).mean())


@pytest.mark.parametrize(
    "transform",
    [RandomCrop(16, 24), RandomHorizontalFlip(1.0), Compose([RandomHorizontalFlip(1.0), RandomCrop(9, 31)])],
)
def test_disparity_stays_exact(transform) -> None:
    sample = shifted_pair()
    assert warping_error(sample) == 0
    for seed in range(5):
        changed = transform(sample, np.random.default_rng(seed))
        inside = changed["noc"] & (np.arange(changed["noc"].shape[1]) >= 6)
        changed = {**changed, "noc": inside}
        assert inside.any()
        assert warping_error(changed) == 0
        wrong = {**changed, "disparity": changed["disparity"] - 1}
        assert warping_error(wrong) > 20


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
    with pytest.raises(UserError, match="height=0: expected a whole number"):
        RandomCrop(0, 5)


def test_color_jitter_changes_images_alone_and_both_alike_if_symmetric() -> None:
    sample = shifted_pair()
    grey = {**sample, "left": np.full((4, 4, 3), 100, np.uint8), "right": np.full((4, 4, 3), 100, np.uint8)}
    same = RandomGainGamma(0.4, asymmetric=0.0, probability=1.0)(grey, np.random.default_rng(1))
    np.testing.assert_array_equal(same["left"], same["right"])
    assert (same["left"] != grey["left"]).any()
    other = RandomGainGamma(0.4, asymmetric=1.0, probability=1.0)(grey, np.random.default_rng(1))
    assert (other["left"] != other["right"]).any()
    assert RandomGainGamma(probability=0.0)(sample, np.random.default_rng(0)) is sample
