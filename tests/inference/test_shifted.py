"""Disparities that begin below or above 0: any matcher, its confidence, its maps on the disk, its scores."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from dsmnet.datasets.folder import Folder
from dsmnet.errors import FormatError, UserError
from dsmnet.evaluation import evaluate
from dsmnet.evaluation.sgbm import SGBM
from dsmnet.inference.batch import LoadedPair, MatchedPair
from dsmnet.inference.confidence import predict_with_confidence
from dsmnet.inference.files import ResultWriter
from dsmnet.inference.shifted import ShiftedMatcher, from_min_disparity
from dsmnet.inference.tiled import TiledMatcher
from dsmnet.io import read_disparity, read_grey, write_disparity_pfm, write_image, write_pfm
from dsmnet.types import DisparityMap, Matcher

HEIGHT, WIDTH = 64, 160


def converged(shift: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Views of a wall behind a board, of disparities 8 and 20 less `shift`; and the left one's disparity."""
    noise = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH + 120, 3), np.uint8)
    noise = cv2.GaussianBlur(noise, (0, 0), 1.0)
    board = noise[::-1]
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[16:48, 60:110] = True
    left = np.where(inside[..., None], board[:, 60 : 60 + WIDTH], noise[:, 60 : 60 + WIDTH])
    right = noise[:, 60 + 8 - shift : 60 + 8 - shift + WIDTH].copy()
    columns = np.arange(60, 110)
    right[16:48, columns - 20 + shift] = board[16:48, 60 + columns]
    return left, right, np.where(inside, 20 - shift, 8 - shift).astype(np.float32)


@pytest.mark.parametrize("shift", [0, 13, 30, -9])
@pytest.mark.parametrize("kind", ["array", "grey", "tiled"])
def test_any_matcher_finds_disparities_from_the_least_on(shift: int, kind: str) -> None:
    left, right, target = converged(shift)
    inner: Any = TiledMatcher(SGBM(mode="sgbm"), 128, 32) if kind == "tiled" else SGBM(mode="sgbm")
    if kind == "grey":
        left, right = left[..., 1], right[..., 1]
    found = from_min_disparity(inner, -shift).predict(left, right, 32 - shift)
    assert np.median(np.abs(found - target)) < 0.2
    assert (np.abs(found - target)[:, 40:-40] < 1).mean() > 0.85
    if shift > 8:
        assert (found < 0).mean() > 0.5


def test_the_range_ends_where_max_disparity_says() -> None:
    asked: list[tuple[Any, int | None]] = []

    class Asked(Matcher):
        def predict(self, left: Any, right: Any, max_disparity: int | None = None) -> DisparityMap:
            asked.append((right, max_disparity))
            return np.zeros(left.shape[-2:] if isinstance(left, torch.Tensor) else left.shape[:2], np.float32)

    matcher = from_min_disparity(Asked(), -24)
    image = np.arange(40, dtype=np.uint8)[None, :, None] + np.zeros((10, 1, 3), np.uint8)
    assert (matcher.predict(image, image, 64) == -24).all()
    matcher.predict(torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(image).permute(2, 0, 1))
    assert [most for _, most in asked] == [88, 216]
    moved = np.minimum(np.arange(40) + 24, 39)
    np.testing.assert_array_equal(asked[0][0][0, :, 0], moved)
    np.testing.assert_array_equal(asked[1][0][0, 0], moved)
    with pytest.raises(UserError, match="min_disparity=-24: expected less than max_disparity=-30"):
        matcher.predict(image, image, -30)
    with pytest.raises(UserError, match=r"min_disparity=0\.5: expected a whole number"):
        from_min_disparity(Asked(), 0.5)  # type: ignore[arg-type]
    plain = Asked()
    assert from_min_disparity(plain, 0) is plain


def test_confidence_takes_negative_disparities() -> None:
    left, right, target = converged(30)
    disparity, confidence = predict_with_confidence(ShiftedMatcher(SGBM(), -30), left, right, 2)
    right_ones = (np.abs(disparity - target) < 1)[:, 40:-40]
    assert confidence[:, 40:-40][right_ones].mean() > 0.8


def test_negative_ground_truth_is_read_and_scored_where_it_is_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left, right, target = converged(13)
    for name, view in (("l", left), ("r", right)):
        write_image(tmp_path / f"{name}.png", view)
    write_disparity_pfm(tmp_path / "d.pfm", target)
    np.testing.assert_array_equal(read_disparity(tmp_path / "d.pfm", min_disparity=-16), target)
    data = Folder(*(str(tmp_path / name) for name in ("l.png", "r.png", "d.pfm")))
    assert data[0]["valid"].mean() < 0.3
    assert "negative" in caplog.text
    assert "min_disparity=-5 they are kept" in caplog.text
    known = evaluate(SGBM(), {"set": data}, min_disparity=-16, max_disparity=32, progress=False)  # type: ignore[dict-item]
    image = known.sets["set"].per_image[0]
    assert image.pixels == target.size
    assert image.scores["epe"] < 1.5
    assert known.to_dict()["min_disparity"] == -16
    plain = evaluate(SGBM(), {"set": data}, max_disparity=32, progress=False)  # type: ignore[dict-item]
    assert plain.sets["set"].per_image[0].pixels < 0.3 * target.size
    write_pfm(tmp_path / "d.pfm", target - 20)
    with pytest.raises(FormatError, match=r"all disparities are negative.*min_disparity=-25"):
        read_disparity(tmp_path / "d.pfm")
    assert (read_disparity(tmp_path / "d.pfm", min_disparity=-32) < 0).all()


def test_written_maps_keep_negative_disparities_where_they_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    _, _, disparity = converged(13)
    disparity[:5] = np.inf
    left = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    ResultWriter(tmp_path).write("a", LoadedPair(left, left, None), MatchedPair(disparity, None, 0.1, 64))
    read = read_disparity(tmp_path / "a.pfm", min_disparity=-16)
    np.testing.assert_array_equal(read, np.where(np.isinf(disparity), 0, disparity))
    stored = read_grey(tmp_path / "a.png")
    np.testing.assert_array_equal(
        stored, np.where((disparity > 0) & np.isfinite(disparity), disparity * 256, 0)
    )
    assert "which no PNG holds, are stored as unknown" in caplog.text
