"""Images of a user's own camera: orientation, bits, pipes, many scans."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PilImage

from dsmnet.errors import DataError, FormatError
from dsmnet.io import read_image, write_image
from dsmnet.io.images import read_grey, read_size, read_views

RNG = np.random.default_rng(0)


def write_turned(path: Path, pixels: np.ndarray, orientation: int) -> None:
    exif = PilImage.Exif()
    exif[0x0112] = orientation
    PilImage.fromarray(pixels).save(path, exif=exif, quality=100)


@pytest.mark.parametrize("orientation", [1, 2, 3, 6, 8])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_read_image_with_an_orientation_gives_the_stored_pixels(
    suffix: str, orientation: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = cv2.GaussianBlur(RNG.integers(0, 256, (20, 30, 3), np.uint8), (0, 0), 3)
    write_turned(tmp_path / f"plain{suffix}", pixels, 1)
    path = tmp_path / f"turned{suffix}"
    write_turned(path, pixels, orientation)
    found = read_image(path)
    assert found.shape == (20, 30, 3)
    assert read_size(path) == (20, 30)
    np.testing.assert_allclose(found.astype(int), read_image(tmp_path / f"plain{suffix}").astype(int), atol=2)
    read_image(path)
    assert caplog.text.count(f"Orientation={orientation}") == (0 if orientation == 1 else 1)


def test_read_grey_with_an_orientation_gives_the_stored_pixels(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (20, 30), np.uint8)
    exif = PilImage.Exif()
    exif[0x0112] = 3
    PilImage.fromarray(pixels).save(tmp_path / "mask.png", exif=exif)
    np.testing.assert_array_equal(read_grey(tmp_path / "mask.png"), pixels)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_read_views_of_fewer_bits_in_16_keeps_all_grey_values(
    bits: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Divided by 256, ten bits would keep four grey values."""
    left = RNG.integers(0, 2**bits, (30, 40), np.uint16)
    left[0, 0] = 2**bits - 1
    right = left // 2  # a darker view is brought to 8 bits by the factor of the brighter one
    write_image(tmp_path / "left.png", left)
    write_image(tmp_path / "right.png", right)
    found = read_views(tmp_path / "left.png", tmp_path / "right.png")
    for stored, view in zip((left, right), found, strict=True):
        np.testing.assert_array_equal(view[..., 0], stored >> (bits - 8))
    read_views(tmp_path / "left.png", tmp_path / "right.png")
    assert caplog.text.count(f"that use {bits} bit") == (0 if bits == 16 else 1)


def test_read_image_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: cannot be read \(not an ordinary file\)"):
        read_image(tmp_path / "a.png")


def test_read_image_of_many_scans_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(cv2.imencode(".jpg", np.zeros((3000, 3000), np.uint8))[1].tobytes())
    data = path.read_bytes()
    scan = data.index(b"\xff\xda")
    path.write_bytes(data[:scan] + data[scan:-2] * 200 + data[-2:])
    with pytest.raises(FormatError, match="200 scans of 3000x3000 pixels are too many"):
        read_image(path)


def test_read_image_of_a_turned_tiff_is_refused(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (20, 30, 3), np.uint8)
    PilImage.fromarray(pixels).save(tmp_path / "a.tiff")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tiff"), pixels)
    write_turned(tmp_path / "b.tiff", pixels, 3)
    with pytest.raises(FormatError, match="Orientation=3 in a TIFF"):
        read_image(tmp_path / "b.tiff")
