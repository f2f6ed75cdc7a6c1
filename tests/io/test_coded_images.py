"""Numbers and masks in the channels of an image: those of Sintel, CARLA, Booster and Spring."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet.errors import DataError, FormatError
from dsmnet.io import write_image
from dsmnet.io.masks import MATCH_MAP, NOC_BINARY
from dsmnet.io.rgb24 import disparity_rgb24, read_rgb24, write_rgb24
from dsmnet.io.sintel_disparity import SINTEL_DISPARITY, SINTEL_NOC


def write_raw(path: Path, image: Any) -> Path:
    """Write with OpenCV itself, blue first."""
    assert cv2.imwrite(str(path), image)
    return path


def test_sintel_stores_fours_64ths_and_16384ths(tmp_path: Path) -> None:
    rgb = np.array([[[0, 0, 0], [25, 32, 0], [0, 0, 1], [1, 1, 128], [255, 255, 255]]], np.uint8)
    path = write_raw(tmp_path / "d.png", rgb[..., ::-1])
    expected = np.array([[0, 100.5, 2**-14, 4 + 2**-6 + 2**-7, 1024 - 2**-14]])
    np.testing.assert_allclose(SINTEL_DISPARITY.read(path, None), expected, rtol=1e-7)
    SINTEL_DISPARITY.write(path, np.array([[0, 100.5, 1e-9]], np.float32), None)
    np.testing.assert_array_equal(cv2.imread(str(path))[..., ::-1], [[[0, 0, 0], [25, 32, 0], [0, 0, 1]]])


def test_sintel_says_when_it_cuts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        SINTEL_DISPARITY.write(tmp_path / "d.png", np.array([[1024.0, 2000.0, 8.0]], np.float32), None)
    assert "2 pixels cut" in caplog.text
    np.testing.assert_allclose(SINTEL_DISPARITY.read(tmp_path / "d.png", None), [[1024, 1024, 8]], rtol=1e-6)


def test_sintel_sees_what_neither_mask_covers(tmp_path: Path) -> None:
    hidden, outside = (
        tmp_path / folder / "alley_1" / "frame_0001.png" for folder in ("occlusions", "outofframe")
    )
    for path, mask in ((hidden, [[255, 0, 0, 255]]), (outside, [[0, 255, 0, 255]])):
        write_image(path, np.array(mask, np.uint8))
    np.testing.assert_array_equal(SINTEL_NOC.read(hidden), [[False, False, True, False]])
    write_image(outside, np.zeros((2, 4), np.uint8))
    with pytest.raises(FormatError, match=r"outofframe.*\(2, 4\).*occlusions.*\(1, 4\)"):
        SINTEL_NOC.read(hidden)
    write_image(outside, np.zeros((1, 4), np.uint16))
    with pytest.raises(FormatError, match=r"outofframe.*mask of 8 bits"):
        SINTEL_NOC.read(hidden)
    outside.unlink()
    with pytest.raises(DataError, match=r"outofframe.*no such file"):
        SINTEL_NOC.read(hidden)


def test_sintel_masks_tell_the_two_reasons_apart(tmp_path: Path) -> None:
    path = tmp_path / "occlusions" / "alley_1" / "frame_0001.png"
    disparity = np.array([[3.0, 0.5, 1.0, 0.0]], np.float32)
    noc = np.array([[False, True, False, False]])
    SINTEL_NOC.write(path, disparity, noc)
    outside = tmp_path / "outofframe" / "alley_1" / "frame_0001.png"
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), [[0, 0, 255, 255]])
    np.testing.assert_array_equal(cv2.imread(str(outside), cv2.IMREAD_UNCHANGED), [[255, 0, 0, 0]])


@pytest.mark.parametrize(("red", "expected"), [("low", 3 + 2 * 256 + 1 * 65536), ("high", 1 + 512 + 196608)])
def test_numbers_of_24_bits(tmp_path: Path, red: Any, expected: int) -> None:
    path = write_raw(tmp_path / "n.png", np.array([[[1, 2, 3]]], np.uint8))  # blue 1, green 2, red 3
    np.testing.assert_array_equal(read_rgb24(path, red), [[expected]])
    numbers = np.array([[0, 1, 256, 65536, 2**24 - 1, expected]])
    write_rgb24(path, numbers, red)
    np.testing.assert_array_equal(read_rgb24(path, red), numbers)


def test_fsd_stores_thousandths_in_digits_to_the_base_of_255(tmp_path: Path, caplog: Any) -> None:
    codec = disparity_rgb24(1000, base=255)
    rgb = np.array([[[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 255, 255], [1, 2, 3]]], np.uint8)
    path = write_raw(tmp_path / "d.png", rgb[..., ::-1])
    expected = np.array([[0, 0.001, 0.255, 65.025, 65.28, 65.538]])
    np.testing.assert_allclose(codec.read(path, None), expected, rtol=1e-6)
    codec.write(path, np.array([[65.28, 1e-9, 0, 65.024, 2e4]], np.float32), None)
    stored = [[1, 1, 0], [0, 0, 1], [0, 0, 0], [0, 254, 254], [254, 254, 254]]
    np.testing.assert_array_equal(cv2.imread(str(path))[..., ::-1], [stored])
    assert "1 pixels cut to 16581.4 px" in caplog.text
    write_raw(path, rgb[..., 0])
    with pytest.raises(FormatError, match=r"d\.png: 1 channels of uint8, where 3"):
        codec.read(path, None)


def test_masks(tmp_path: Path) -> None:
    write_image(tmp_path / "binary.png", np.array([[0, 1, 128, 255]], np.uint8))
    np.testing.assert_array_equal(NOC_BINARY.read(tmp_path / "binary.png"), [[False, True, True, True]])
    colors = np.array([[(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]], np.uint8)
    write_image(tmp_path / "match.png", colors)
    np.testing.assert_array_equal(MATCH_MAP.read(tmp_path / "match.png"), [[True, False, False, True, False]])
