"""Changes of the images alone: colors, cameras, erased boxes."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest

from dsmnet.augment import CameraEffects, ColorJitter, LocalLight, RandomGainGamma, RandomOcclusion
from dsmnet.errors import UserError

OFF = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0, "gamma": 0.0}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def pair(height: int = 40, width: int = 60, low: int = 60, high: int = 190) -> Any:
    left, right = (rng(seed).integers(low, high, (height, width, 3)).astype(np.uint8) for seed in (0, 1))
    return {"left": left, "right": right, "name": "pair", "dataset": "test"}


def twist(sample: Any, seed: int = 0, **arguments: float) -> Any:
    return ColorJitter(**{**OFF, "asymmetric": 0.0, **arguments})(sample, rng(seed))


def luma(image: np.ndarray) -> np.ndarray:
    return image.astype(float) @ np.array([0.299, 0.587, 0.114])


def test_nothing_asked_nothing_changed() -> None:
    sample = pair()
    changed = twist(sample)
    for side in ("left", "right"):
        np.testing.assert_array_equal(changed[side], sample[side])
    assert ColorJitter(probability=0.0)(sample, rng()) is sample


def test_brightness_multiplies() -> None:
    sample = pair(high=120)
    factors = []
    for seed in range(20):
        changed = twist(sample, seed, brightness=0.4)
        ratio = changed["left"] / sample["left"]
        factors.append(ratio.mean())
        np.testing.assert_allclose(changed["right"] / sample["right"], factors[-1], atol=0.012)
    assert 0.59 < min(factors) < 0.75
    assert 1.25 < max(factors) < 1.41


def test_contrast_keeps_the_mean_brightness_of_both_views() -> None:
    sample = pair()
    for seed in range(6):
        changed = twist(sample, seed, contrast=0.4)
        before, after = (luma(np.stack([views["left"], views["right"]])) for views in (sample, changed))
        assert abs(after.mean() - before.mean()) < 0.6
        factor = after.std() / before.std()
        expected = (sample["left"] - before.mean()) * factor + before.mean()
        np.testing.assert_allclose(changed["left"], expected, atol=0.8)
        assert 0.6 <= factor <= 1.4
        assert abs(factor - 1) > 0.01


def test_saturation_and_hue_leave_grey_and_brightness_alone() -> None:
    sample, grey = pair(low=90, high=160), pair()
    grey["left"][:] = grey["left"][..., :1]
    for arguments in ({"saturation": 0.4}, {"hue": 0.15}):
        np.testing.assert_allclose(twist(grey, 3, **arguments)["left"], grey["left"], atol=1)
        changes = []
        for seed in range(4):
            changed = twist(sample, seed, **arguments)["left"]
            np.testing.assert_allclose(luma(changed), luma(sample["left"]), atol=1)
            changes.append(np.abs(changed.astype(float) - sample["left"]).mean())
        assert max(changes) > 3


def test_saturation_between_two_factors_stays_between_them() -> None:
    sample = pair(low=90, high=160)
    colorful = [twist(sample, seed, saturation=[0.0, 0.5])["left"].std(axis=2).mean() for seed in range(20)]
    full = sample["left"].std(axis=2).mean()
    assert min(colorful) < 0.2 * full
    assert 0.4 * full < max(colorful) < 0.55 * full
    for wrong in ([1.4, 0.0], [-1.0, 1.0], "much"):
        with pytest.raises(UserError, match=r"saturation=.*: expected"):
            twist(sample, 0, saturation=wrong)


def test_hue_turns_colors_about_as_hsv_does() -> None:
    """Opposite in sign for opposite turns; the angle differs from HSV's by less than a tenth of a turn."""
    red = {**pair(), "left": np.full((4, 4, 3), (150, 100, 100), np.uint8)}
    turns = []
    for seed in range(20):
        r, g, b = twist(red, seed, hue=0.15)["left"][0, 0] / 255
        hue, _, _ = colorsys.rgb_to_hsv(r, g, b)
        turns.append((hue + 0.5) % 1 - 0.5)
    assert -0.25 < min(turns) < -0.05
    assert 0.05 < max(turns) < 0.25


def test_gamma_keeps_black_and_white_and_order() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    changed = twist({**pair(), "left": ramp, "right": ramp}, 1, gamma=0.5)["left"][0, :, 0]
    assert (changed[0], changed[255]) == (0, 255)
    assert (np.diff(changed.astype(int)) >= 0).all()
    assert np.abs(changed.astype(int) - np.arange(256)).max() > 5


def test_views_change_alike_or_apart() -> None:
    sample = pair()
    sample["right"] = sample["left"].copy()
    apart = 0
    for seed in range(60):
        changed = ColorJitter(asymmetric=0.3)(sample, rng(seed))
        apart += bool((changed["left"] != changed["right"]).any())
    assert 8 <= apart <= 30
    with pytest.raises(UserError, match=r"brightness=-0.1: expected a number of at least 0"):
        ColorJitter(brightness=-0.1)
    for color in (ColorJitter, RandomGainGamma):
        with pytest.raises(UserError, match="asymmetric=3"):
            color(asymmetric=3)


def test_seeds_of_color_jitter_keep_their_meaning() -> None:
    """Weights were trained with these; the numbers are those of the first release."""
    grey = {**pair(), "left": np.full((1, 1, 3), 100, np.uint8), "right": np.full((1, 1, 3), 200, np.uint8)}
    found = []
    for seed in range(4):
        changed = RandomGainGamma(0.4, asymmetric=0.5, probability=0.8)(grey, rng(seed))
        found.append([*changed["left"][0, 0].tolist(), *changed["right"][0, 0].tolist()])
    assert found == [
        [84, 80, 79, 221, 209, 208],
        [101, 84, 101, 194, 160, 194],
        [86, 97, 81, 200, 211, 232],
        [71, 82, 77, 168, 193, 167],
    ]


def test_erased_boxes_are_not_seen_by_both_and_keep_their_ground_truth() -> None:
    sample = pair(80, 120)
    shape = (80, 120)
    sample["disparity"] = rng().uniform(1, 20, shape).astype(np.float32)
    sample.update(valid=np.ones(shape, bool), noc=np.arange(120)[None] >= sample["disparity"])
    sample.update(right_disparity=sample["disparity"], right_valid=np.ones(shape, bool))
    counts = set()
    for seed in range(12):
        changed = RandomOcclusion(1.0, (1, 2), (10, 30))(sample, rng(seed))
        color = np.rint(sample["right"].mean(axis=(0, 1)))
        erased = (changed["right"] != sample["right"]).any(axis=-1) | (changed["right"] == color).all(axis=-1)
        counts.add(int(erased.sum()) > 900)
        assert erased.any()
        np.testing.assert_array_equal(changed["right"][erased], np.broadcast_to(color, (erased.sum(), 3)))
        assert changed["left"] is sample["left"]
        assert changed["disparity"] is sample["disparity"]
        assert changed["valid"].all()
        np.testing.assert_array_equal(changed["right_valid"], ~erased)
        x = np.arange(120)[None] - sample["disparity"]
        low, high = (np.clip(part(x), 0, 119).astype(int) for part in (np.floor, np.ceil))
        rows = np.arange(80)[:, None]
        np.testing.assert_array_equal(
            changed["noc"], sample["noc"] & ~(erased[rows, low] | erased[rows, high])
        )
    assert counts == {True, False}  # one box, two boxes
    assert RandomOcclusion(0.0)(sample, rng()) is sample


def test_camera_effects_are_those_asked_for() -> None:
    sample = {**pair(), "right_disparity": np.ones((40, 60), np.float32)}
    none = CameraEffects({})(sample, rng())
    np.testing.assert_array_equal(none["left"], sample["left"])
    noisy = CameraEffects({"noise": {"probability": 1.0, "strength": 0.05}})(sample, rng())
    assert 1 < (noisy["left"].astype(float) - sample["left"]).std() < 255 * 0.05
    assert "right_disparity" in noisy
    moved = CameraEffects({"vertical": {"probability": 1.0, "strength": 1.0}})(sample, rng())
    np.testing.assert_array_equal(moved["left"], sample["left"])
    assert "right_disparity" not in moved
    with pytest.raises(UserError, match="no such effect"):
        CameraEffects({"rain": {"probability": 1.0}})


def test_light_falls_on_a_part_of_one_view() -> None:
    grey = np.full((60, 90, 3), 100, np.uint8)
    sample = {**pair(), "left": grey, "right": grey}
    light = LocalLight(strength=0.7, count=(1, 1), size=(0.1, 0.1), probability=1.0)
    sides = set()
    for seed in range(20):
        changed = light(sample, rng(seed))
        lit = [side for side in ("left", "right") if changed[side] is not grey]
        assert len(lit) == 1
        sides.update(lit)
        gain = changed[lit[0]].astype(float) / 100
        assert np.ptp(gain, axis=2).max() == 0  # the color stays
        assert gain.min() > np.exp(-0.7) - 0.01
        assert gain.max() < np.exp(0.7) + 0.01
        reach = (np.abs(gain[..., 0] - 1) > 0.1).mean()
        assert reach < 0.5  # a part alone: nothing far away changes
    assert sides == {"left", "right"}
    np.testing.assert_array_equal(grey, 100)  # what came in is not written to
    assert LocalLight(probability=0.0)(sample, rng()) is sample
