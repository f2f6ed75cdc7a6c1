"""The batch over pairs."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from dsmnet.errors import UserError
from dsmnet.inference.batch import predict_files
from dsmnet.inference.files import ResultWriter
from dsmnet.io import write_image
from dsmnet.io.pairs import PairFiles
from dsmnet.progress import track
from dsmnet.types import Matcher


class OutOfMemory(Matcher):
    """A network too large for its device on the first pair."""

    def __init__(self) -> None:
        self.calls = 0

    def predict(self, left: np.ndarray, right: np.ndarray, max_disparity: int | None = None) -> np.ndarray:
        self.calls += 1
        if self.calls == 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        answer = np.full(left.shape[:2], 5, np.float32)
        answer[0, 0] = np.nan
        return answer


def test_a_pair_too_large_for_the_device_does_not_stop_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    write_image(tmp_path / "i.png", np.zeros((20, 30, 3), np.uint8))
    pairs = [PairFiles(name, tmp_path / "i.png", tmp_path / "i.png") for name in ("first", "second")]
    with caplog.at_level(logging.WARNING), pytest.raises(UserError, match="1 of 2 pairs failed: first"):
        predict_files(OutOfMemory(), pairs, ResultWriter(tmp_path / "out")).check()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "second.pfm",
        "second.png",
        "second_color.png",
    ]
    assert "first: out of GPU memory" in caplog.text
    assert "second: 1 pixels without a finite disparity" in caplog.text


def test_progress_shows_count_rate_and_time_and_can_be_silenced(capfd: pytest.CaptureFixture[str]):
    assert list(track([1, 2, 3], "work", unit="image")) == [1, 2, 3]
    shown = capfd.readouterr()
    assert "work" in shown.err
    assert "3/3" in shown.err
    assert "images/s" in shown.err
    assert not shown.out
    assert list(track([1, 2, 3], "work", enabled=False)) == [1, 2, 3]
    assert capfd.readouterr() == ("", "")


def test_a_bar_inside_another_is_shown_below_it(capfd: pytest.CaptureFixture[str]):
    for _ in track([1, 2], "pairs"):
        assert list(track([1, 2, 3], "tiles", unit="tile")) == [1, 2, 3]
    shown = capfd.readouterr().err
    assert "2/2" in shown
    for _ in track([1, 2], "pairs"):
        break  # given up half way, a bar leaves nothing behind
    assert list(track([1, 2, 3], "alone", unit="tile")) == [1, 2, 3]
    assert "3/3" in capfd.readouterr().err
