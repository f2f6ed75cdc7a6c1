"""Imperfect cameras: each effect has its own switch."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dsmnet.augment.camera import DEFAULTS, Cameras
from tests.synthetic.scenes import OFF, clean


@pytest.mark.parametrize("effect", DEFAULTS)
def test_each_camera_effect_has_its_own_switch(effect: str) -> None:
    camera = {**OFF, effect: {"probability": 1.0}}
    perfect, changed = clean(), clean(camera=camera)
    differ = 0
    for i in range(6):
        a, b = perfect[i], changed[i]
        for key in ("disparity", "right_disparity", "noc"):
            np.testing.assert_array_equal(a[key], b[key])  # type: ignore[literal-required]
        differ += not np.array_equal(a["right"], b["right"])
        if effect == "vertical":
            np.testing.assert_array_equal(a["left"], b["left"])
        if effect == "grey":
            assert (np.ptp(b["left"], axis=-1) == 0).all()
            assert (np.ptp(b["right"], axis=-1) == 0).all()
    assert differ >= 2  # a weak one may not reach the next grey value
    idle = clean(camera={**OFF, effect: {"probability": 1.0, "strength": 0.0}})
    np.testing.assert_array_equal(idle[0]["left"], perfect[0]["left"])


def test_switching_one_effect_leaves_the_others() -> None:
    flat = np.full((64, 64, 3), 120, np.uint8)
    both = Cameras({**OFF, "noise": {"probability": 1.0}, "gain": {"probability": 1.0, "strength": 0.0}})
    alone = Cameras({**OFF, "noise": {"probability": 1.0}})
    for one, other in zip(
        both(flat, flat, np.random.default_rng(2)), alone(flat, flat, np.random.default_rng(2)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_effects_do_what_they_are_called() -> None:
    rng = np.random.default_rng(0)
    scene = np.repeat(rng.integers(40, 200, (80, 120, 1), dtype=np.uint8), 3, axis=2)
    scene = np.asarray(cv2.GaussianBlur(scene, (0, 0), 2.0), np.uint8)

    def seen(effect: str, strength: float, seed: int) -> list[NDArray[np.float64]]:
        cameras = Cameras({**OFF, effect: {"probability": 1.0, "strength": strength}})
        return [v.astype(float) for v in cameras(scene, scene.copy(), np.random.default_rng(seed))]

    def average(measure: Any, effect: str, strength: float) -> float:
        return float(np.mean([measure(*seen(effect, strength, seed)) for seed in range(12)]))

    assert average(lambda a, b: abs(a.mean() / b.mean() - 1), "gain", 0.3) > 0.03
    assert average(lambda a, b: abs((a[..., 0] - a[..., 2]).mean()), "color", 0.2) > 2
    assert (
        average(lambda a, b: np.abs(np.diff(a, axis=1)).mean(), "blur", 2.0)
        < 0.8 * np.abs(np.diff(scene.astype(float), axis=1)).mean()
    )
    for sigma in (0.02, 0.06):
        spread = average(lambda a, b: (a - scene).std() / 255, "noise", sigma)
        assert 0.15 * sigma < spread < sigma
    assert average(lambda a, b: a[:10, :10].mean() / a[35:45, 50:70].mean(), "vignetting", 0.6) < 0.9
    assert average(lambda a, b: ((a == 255) | (a == 0)).mean(), "clipping", 1.5) > 0.05
    shift = _row_shift(*seen("vertical", 1.0, 3))
    assert 0.02 < abs(shift) < 1.0


def _row_shift(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Return by how many rows the right view is lower, to first order."""
    slope = np.gradient(left, axis=0)
    return float((slope * (left - right)).sum() / (slope * slope).sum())
