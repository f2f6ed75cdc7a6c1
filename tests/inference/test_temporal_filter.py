"""The temporal filter: less flicker, no larger error, moving edges included."""

from __future__ import annotations

import numpy as np
import pytest

from dsmnet.errors import UserError
from dsmnet.inference.temporal_filter import TemporalFilter
from tests.inference.sequences import SequenceFrame, sequence

GREY = np.full((40, 60, 3), 90, np.uint8)


def noisy(frames: list[SequenceFrame]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Ground truth with noise, little of it where the confidence is high."""
    rng, found = np.random.default_rng(1), []
    for frame in frames:
        sigma = rng.choice([0.15, 0.6], size=frame.disparity.shape)
        error = rng.normal(0, 1, frame.disparity.shape) * sigma
        found.append(
            ((frame.disparity + error).astype(np.float32), np.where(sigma < 0.3, 0.9, 0.2).astype(np.float32))
        )
    return found


def measure(maps: list[np.ndarray], frames: list[SequenceFrame]) -> tuple[float, float, float, float]:
    """Flicker where nothing moves; error of all pixels, near the moving outline, and inside it."""
    rows = []
    for before, now, old, new in zip(maps, maps[1:], frames, frames[1:], strict=False):
        still = ~(old.edge | new.edge | old.patch | new.patch)
        error = np.abs(now - new.disparity)
        rows.append(
            (
                np.abs(now - before)[still].mean(),
                error.mean(),
                error[new.edge].mean(),
                error[new.patch].mean(),
            )
        )
    flicker, error, edge, patch = np.mean(rows, axis=0)
    return flicker, error, edge, patch


@pytest.mark.parametrize(("step", "ahead"), [(3, 6.0), (1, 6.0), (3, 0.8), (1, 0.8), (8, 2.0)])
def test_flicker_falls_and_no_error_rises(step: int, ahead: float) -> None:
    frames = list(sequence(14, step=step, ahead=ahead))
    maps = noisy(frames)
    smooth = TemporalFilter(0.8)
    filtered = [
        smooth(disparity, frame.left, trust) for (disparity, trust), frame in zip(maps, frames, strict=True)
    ]
    before, after = measure([disparity for disparity, _ in maps], frames), measure(filtered, frames)
    assert after[0] < 0.6 * before[0]
    assert after[1] < 0.75 * before[1]
    assert after[2] <= before[2]
    assert after[3] <= before[3]


def test_confident_frames_weigh_more() -> None:
    rng = np.random.default_rng(0)
    weighted, plain, errors = TemporalFilter(0.9, 5.0), TemporalFilter(0.9, 5.0), []
    for _ in range(30):
        sigma = rng.choice([0.1, 1.0])
        disparity = (10 + rng.normal(0, sigma, GREY.shape[:2])).astype(np.float32)
        trust = np.full_like(disparity, 1.0 if sigma < 0.5 else 0.05)
        errors.append(
            [np.abs(f - 10).mean() for f in (weighted(disparity, GREY, trust), plain(disparity, GREY))]
        )
    assert np.mean(errors[5:], axis=0)[0] < 0.5 * np.mean(errors[5:], axis=0)[1]


def test_an_approaching_surface_is_followed_although_the_view_hardly_changes() -> None:
    for rate in (0.02, 0.1, 0.2, 0.5, 3.0):
        smooth = TemporalFilter(0.8)
        behind = [rate * k - smooth(np.full((40, 60), rate * k, np.float32), GREY).mean() for k in range(40)]
        assert (
            max(behind) <= 0.5
        )  # of a pixel, half of `reset`; without the drift it would be up to all of it


def test_noise_and_light_reset_nothing_but_texture_that_moves_does() -> None:
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 256, GREY.shape).astype(np.float32)
    disparity = np.full(GREY.shape[:2], 7, np.float32)

    def second(view: np.ndarray) -> np.ndarray:
        smooth = TemporalFilter(0.5)
        smooth(disparity, (texture * 0.6).astype(np.uint8))
        return smooth(disparity + np.float32(0.2), view.clip(0, 255).astype(np.uint8))

    assert second(texture * 0.6 + rng.normal(0, 5, GREY.shape)).mean() == pytest.approx(
        7 + 0.2 / 1.5, abs=0.005
    )
    assert second(texture * 0.6 + 60).mean() == pytest.approx(7 + 0.2 / 1.5, abs=0.005)
    assert second(np.roll(texture * 0.6, 1, 1)).mean() == pytest.approx(7.2, abs=0.02)


def test_unknown_stays_unknown_and_the_first_frame_what_it_is() -> None:
    smooth = TemporalFilter(0.9)
    disparity = np.random.default_rng(0).uniform(1, 9, GREY.shape[:2]).astype(np.float32)
    disparity[:5], disparity[5:10] = np.inf, np.nan
    np.testing.assert_array_equal(smooth(disparity, GREY), disparity)
    again = np.where(np.isfinite(disparity), disparity, np.float32(4))
    np.testing.assert_array_equal(smooth(again, GREY)[:10], again[:10])
    np.testing.assert_array_equal(smooth(disparity, GREY)[:10], disparity[:10])
    assert np.isfinite(smooth(again, GREY)).all()
    small = disparity[:20, :20]
    np.testing.assert_array_equal(smooth(small, GREY[:20, :20]), small)  # another size begins anew


@pytest.mark.parametrize(
    ("share", "reset", "message"), [(1, 1, "temporal_filter=1: "), (0.5, 0, "temporal_reset=0: ")]
)
def test_values_it_cannot_have(share: float, reset: float, message: str) -> None:
    with pytest.raises(UserError, match=message):
        TemporalFilter(share, reset)
