"""Disparity maps in any of the common formats: values, unknown pixels, what is cut or refused."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from dsmnet.errors import DataError, FormatError, UserError
from dsmnet.io import (
    read_disparity,
    write_disparity_png8,
    write_disparity_png16,
    write_image,
    write_pfm,
)
from dsmnet.io.disparity import png16
from dsmnet.io.disparity_file import read_map


def test_png16_stores_256ths(tmp_path: Path) -> None:
    path = tmp_path / "d.png"
    disparity = np.array([[0.0, 1.0, 100.5], [255.99609375, 1 / 1024, 3.0]], np.float32)
    write_disparity_png16(path, disparity)
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    np.testing.assert_array_equal(stored, [[0, 256, 25728], [65535, 1, 768]])  # tiny, yet known: not 0
    np.testing.assert_allclose(read_disparity(path), disparity, atol=1 / 256)


def test_png16_of_unknown_values_is_zero(tmp_path: Path) -> None:
    path = tmp_path / "d.png"
    write_disparity_png16(path, np.array([[np.inf, np.nan, -3.0, 2.0]], np.float32))
    np.testing.assert_array_equal(read_disparity(path), [[0, 0, 0, 2]])


def test_png16_says_when_it_cuts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "d.png"
    with caplog.at_level(logging.WARNING):
        write_disparity_png16(path, np.array([[300.0, 256.0, 200.0]], np.float32))
    assert "2 pixels" in caplog.text
    np.testing.assert_array_equal(read_disparity(path), np.array([[65535, 65535, 51200]], np.float32) / 256)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_png8_stores_multiples(tmp_path: Path, scale: int) -> None:
    path = tmp_path / "d.png"
    disparity = np.array([[0, 10, 85]], np.float32)
    write_disparity_png8(path, disparity, scale)
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint8
    np.testing.assert_array_equal(stored, [[0, 10 * scale, 85 * scale]])
    np.testing.assert_allclose(read_disparity(path, scale), disparity, rtol=1e-6)


def test_png8_without_a_scale_asks_for_it(tmp_path: Path) -> None:
    write_image(tmp_path / "d.png", np.ones((6, 5), np.uint8))
    with pytest.raises(UserError, match=r"d\.png.*8-bit.*scale"):
        read_disparity(tmp_path / "d.png")
    with pytest.raises(UserError, match="positive"):
        read_disparity(tmp_path / "d.png", 0.0)


def test_pfm_disparity_is_zero_where_unknown(tmp_path: Path) -> None:
    path = tmp_path / "d.PFM"
    write_pfm(path, np.array([[np.inf, np.nan, -1.0, -np.inf, 0.0, 4.5]], np.float32))
    disparity = read_disparity(path)
    assert disparity.dtype == np.float32
    np.testing.assert_array_equal(disparity, [[0, 0, 0, 0, 0, 4.5]])
    with pytest.raises(UserError, match=r"d\.PFM.*scale"):
        read_disparity(path, 3)


def test_disparity_of_the_wrong_kind_is_refused(tmp_path: Path) -> None:
    write_pfm(tmp_path / "negative.pfm", np.full((2, 2), -3.0, np.float32))
    with pytest.raises(FormatError, match="negative"):
        read_disparity(tmp_path / "negative.pfm")
    write_pfm(tmp_path / "flow.pfm", np.zeros((2, 2, 3), np.float32))
    with pytest.raises(FormatError, match="3 channels"):
        read_disparity(tmp_path / "flow.pfm")
    write_image(tmp_path / "picture.png", np.arange(90, dtype=np.uint8).reshape(6, 5, 3))
    with pytest.raises(FormatError, match="color"):
        read_disparity(tmp_path / "picture.png", 3)
    with pytest.raises(FormatError, match=r"a\.tif"):
        read_disparity(tmp_path / "a.tif")


@pytest.mark.parametrize("scale", [32, 100, 128])
def test_png16_of_a_scale(tmp_path: Path, scale: int) -> None:
    write_image(tmp_path / "a.png", np.array([[0, scale, 3 * scale // 2, 65535]], np.uint16))
    read = png16(scale).read(tmp_path / "a.png", None)
    np.testing.assert_allclose(read, [[0, 1, 1.5, 65535 / scale]], rtol=1e-6)
    png16(scale).write(tmp_path / "b.png", read, None)
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "a.png").read_bytes()


def test_a_map_of_nan_is_refused_one_of_unknown_pixels_is_not(tmp_path: Path) -> None:
    write_pfm(tmp_path / "map.pfm", np.full((4, 5), np.nan, np.float32))
    with pytest.raises(FormatError, match=r"map\.pfm: every pixel is nan"):
        read_disparity(tmp_path / "map.pfm")
    write_pfm(tmp_path / "map.pfm", np.full((4, 5), np.inf, np.float32))
    assert not read_disparity(tmp_path / "map.pfm").any()


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
