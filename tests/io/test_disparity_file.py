"""Disparity maps of any of the common formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dsmnet.errors import DataError, FormatError, UserError
from dsmnet.io import write_image, write_pfm
from dsmnet.io.disparity_file import read_map


def test_npy_maps_keep_their_values_and_lose_what_is_unknown(tmp_path: Path):
    values = np.array([[1.5, np.nan, -2], [np.inf, 0, 7]])
    np.save(tmp_path / "a.npy", values)
    np.save(tmp_path / "b.npy", (values.clip(0, 9)[None, ..., None]))
    read = read_map(tmp_path / "a.npy")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, [[1.5, 0, 0], [0, 0, 7]])
    np.testing.assert_array_equal(read_map(tmp_path / "b.npy")[1], [9, 0, 7])
    np.testing.assert_array_equal(read_map(tmp_path / "a.npy", scale=2)[1], [0, 0, 3.5])


def test_what_is_no_map_is_refused_by_name(tmp_path: Path):
    np.save(tmp_path / "cube.npy", np.zeros((2, 3, 4)))
    (tmp_path / "text.npy").write_text("hello")
    for name in ("cube.npy", "text.npy", "map.exr"):
        (tmp_path / "map.exr").touch()
        with pytest.raises(FormatError, match=name):
            read_map(tmp_path / name)
    with pytest.raises(DataError, match=r"gone\.npy|npy"):
        read_map(tmp_path / "gone.npy")


@pytest.mark.parametrize("scale", [0, -2, float("nan")])
def test_a_scale_is_positive(tmp_path: Path, scale: float):
    np.save(tmp_path / "a.npy", np.ones((2, 3)))
    write_image(tmp_path / "a.png", np.ones((2, 3), np.uint16))
    for name in ("a.npy", "a.png"):
        with pytest.raises(UserError, match=f"{name}: scale="):
            read_map(tmp_path / name, scale)


def test_read_map_with_negative_disparities_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = np.linspace(-9, 10, 100, dtype=np.float32).reshape(10, 10)
    for name in ("a", "b"):
        write_pfm(tmp_path / f"{name}.pfm", values)
        found = read_map(tmp_path / f"{name}.pfm")
        np.testing.assert_array_equal(found, np.maximum(values, 0))
    assert caplog.text.count("47 of 100 known disparities (47 %) are negative") == 1


def test_read_map_with_one_negative_mark_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_pfm(tmp_path / "a.pfm", np.array([[-1, -1, 5, 6]], np.float32))
    np.testing.assert_array_equal(read_map(tmp_path / "a.pfm"), [[0, 0, 5, 6]])
    assert not caplog.text
