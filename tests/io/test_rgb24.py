"""Numbers of 24 bits in the channels of an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet.io.rgb24 import read_rgb24, write_rgb24


def write_raw(path: Path, image: Any) -> Path:
    """Write with OpenCV itself, blue first."""
    assert cv2.imwrite(str(path), image)
    return path


@pytest.mark.parametrize(("red", "expected"), [("low", 3 + 2 * 256 + 1 * 65536), ("high", 1 + 512 + 196608)])
def test_numbers_of_24_bits(tmp_path: Path, red: Any, expected: int) -> None:
    path = write_raw(tmp_path / "n.png", np.array([[[1, 2, 3]]], np.uint8))  # blue 1, green 2, red 3
    np.testing.assert_array_equal(read_rgb24(path, red), [[expected]])
    numbers = np.array([[0, 1, 256, 65536, 2**24 - 1, expected]])
    write_rgb24(path, numbers, red)
    np.testing.assert_array_equal(read_rgb24(path, red), numbers)
