"""Search ranges, reading any disparity file, and the batch over pairs."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from dsmnet.data.formats import write_image
from dsmnet.errors import DataError, FormatError, UserError
from dsmnet.inference.files import ResultWriter, predict_files, read_map, search_range
from dsmnet.inference.pairs import PairFiles
from dsmnet.inference.progress import track
from dsmnet.protocols import Calibration


def test_search_range():
    assert search_range("auto") == 192
    assert search_range("auto", Calibration()) == 192
    assert search_range("auto", Calibration(max_disparity=70)) == 70
    assert search_range(64, Calibration(max_disparity=70)) == 64
    for wrong in ("Auto", 0, -1, 3.5, True, None):
        with pytest.raises(UserError, match="max_disparity="):
            search_range(wrong)  # type: ignore[arg-type]


def test_npy_maps_keep_their_values_and_lose_what_is_unknown(tmp_path: Path):
    values = np.array([[1.5, np.nan, -2], [np.inf, 0, 7]])
    np.save(tmp_path / "a.npy", values)
    np.save(tmp_path / "b.npy", (values.clip(0, 9)[None, ..., None]))
    read = read_map(tmp_path / "a.npy")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, [[1.5, 0, 0], [0, 0, 7]])
    np.testing.assert_array_equal(read_map(tmp_path / "b.npy")[1], [9, 0, 7])
    np.testing.assert_array_equal(read_map(tmp_path / "a.npy", scale=2)[1], [0, 0, 3.5])


def test_scaled_8_bit_maps_need_their_scale(tmp_path: Path):
    write_image(tmp_path / "a.png", np.array([[0, 30, 255]], np.uint8))
    np.testing.assert_allclose(read_map(tmp_path / "a.png", scale=3), [[0, 10, 85]])
    with pytest.raises(UserError, match="scale"):
        read_map(tmp_path / "a.png")


def test_what_is_no_map_is_refused_by_name(tmp_path: Path):
    np.save(tmp_path / "cube.npy", np.zeros((2, 3, 4)))
    (tmp_path / "text.npy").write_text("hello")
    for name in ("cube.npy", "text.npy", "map.exr"):
        (tmp_path / "map.exr").touch()
        with pytest.raises(FormatError, match=name):
            read_map(tmp_path / name)
    with pytest.raises(DataError, match=r"gone\.npy|npy"):
        read_map(tmp_path / "gone.npy")


class OutOfMemory:
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
        predict_files(OutOfMemory(), pairs, ResultWriter(tmp_path / "out"))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "second.pfm",
        "second.png",
        "second_colour.png",
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
