"""Images against other libraries, as they are stored, those of a camera of one's own, and what is none."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PilImage

from dsmnet.errors import DataError, FormatError
from dsmnet.io import read_image, write_image
from dsmnet.io.images import read_channels, read_grey, read_size, read_views

RGB = np.random.default_rng(1).integers(0, 256, (6, 5, 3), np.uint8)
GREY = RGB[..., 0]
WIDE = np.random.default_rng(2).integers(0, 65536, (6, 5, 3)).astype(np.uint16)


def pil_bytes(image: PilImage.Image, kind: str = "PNG", **options: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def palette_image() -> tuple[PilImage.Image, NDArray[np.uint8]]:
    colors = np.random.default_rng(3).integers(0, 256, (16, 3), np.uint8)
    indices = np.random.default_rng(4).integers(0, 16, (6, 5), np.uint8)
    image = PilImage.fromarray(indices, "P")
    image.putpalette(colors.tobytes())
    return image, colors[indices]


def repeated(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(grey[..., None], 3, axis=2)


ALPHA = np.full((6, 5, 1), 77, np.uint8)

IMAGES = {
    "rgb8": (pil_bytes(PilImage.fromarray(RGB)), RGB),
    "grey8": (pil_bytes(PilImage.fromarray(GREY)), repeated(GREY)),
    "rgba8": (pil_bytes(PilImage.fromarray(np.concatenate([RGB, ALPHA], 2))), RGB),
    "grey_alpha8": (pil_bytes(PilImage.fromarray(np.concatenate([RGB[..., :1], ALPHA], 2))), repeated(GREY)),
    "palette": (pil_bytes(palette_image()[0]), palette_image()[1]),
    "grey16": (
        cv2.imencode(".png", WIDE[..., 0])[1].tobytes(),
        repeated((WIDE[..., 0] >> 8).astype(np.uint8)),
    ),
    "rgb16": (cv2.imencode(".png", WIDE[..., ::-1])[1].tobytes(), (WIDE >> 8).astype(np.uint8)),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_every_png_becomes_rgb_of_8_bits(tmp_path: Path, kind: str) -> None:
    data, expected = IMAGES[kind]
    path = tmp_path / "ä image.png"  # a name that is not ASCII
    path.write_bytes(data)
    image = read_image(path)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("grey", [False, True])
def test_jpeg_is_read_as_pillow_reads_it(tmp_path: Path, grey: bool) -> None:
    smooth = np.mgrid[0:160:10, 0:240:10].sum(0).astype(np.uint8)
    source = smooth if grey else np.stack([smooth, 255 - smooth, smooth // 2], 2)
    data = pil_bytes(PilImage.fromarray(source), "JPEG", quality=95)
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    expected = np.asarray(PilImage.open(io.BytesIO(data)).convert("RGB"))
    assert np.abs(read_image(path).astype(int) - expected).max() <= 3  # two decoders may round apart


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("kept", [0.0, 0.05, 0.5, 0.9, -1])
def test_a_cut_image_is_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (40, 50, 3), np.uint8)
    data = cv2.imencode(suffix, noise)[1].tobytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(data[:-1] if kept < 0 else data[: int(len(data) * kept)])
    with pytest.raises(FormatError, match=rf"cut\{suffix}"):
        read_image(path)


def test_a_damaged_png_is_refused(tmp_path: Path) -> None:
    data = bytearray(
        cv2.imencode(".png", np.random.default_rng(6).integers(0, 256, (40, 50, 3), np.uint8))[1]
    )
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    path = tmp_path / "damaged.png"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"damaged\.png"):
        read_image(path)


@pytest.mark.parametrize("data", [b"", b"hello, this is no image\n" * 20])
def test_what_is_no_image_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "text.png"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"text\.png"):
        read_image(path)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.png: no such file"):
        read_image(tmp_path / "nothing.png")
    with pytest.raises(DataError, match="cannot be read"):
        read_image(tmp_path)


def test_grey_keeps_stored_values_and_refuses_color(tmp_path: Path) -> None:
    write_image(tmp_path / "wide.png", WIDE[..., 0])
    np.testing.assert_array_equal(read_grey(tmp_path / "wide.png"), WIDE[..., 0])
    write_image(tmp_path / "equal.png", repeated(GREY))
    np.testing.assert_array_equal(read_grey(tmp_path / "equal.png"), GREY)
    write_image(tmp_path / "rgb.png", RGB)
    with pytest.raises(FormatError, match=r"rgb\.png.*color"):
        read_grey(tmp_path / "rgb.png")


@pytest.mark.parametrize("suffix", [".ppm", ".pgm", ".webp"])
def test_ppm_pgm_and_webp_are_read_back_and_cut_ones_refused(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (19, 23, 3), np.uint8)
    if suffix == ".pgm":
        with pytest.raises(ValueError, match="grey values"):
            write_image(tmp_path / "color.pgm", image)
        image = np.repeat(image[..., :1], 3, axis=2)
    path = tmp_path / f"image{suffix}"
    write_image(path, image)
    np.testing.assert_array_equal(read_image(path), image)
    data = path.read_bytes()
    for length in (0, 2, 9, 12, len(data) // 2, len(data) - 2):
        path.write_bytes(data[:length])
        with pytest.raises(FormatError, match=re.escape(str(path))):
            read_image(path)


def test_a_pgm_of_16_bits_with_comments_is_read(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.uint16).reshape(3, 4) * 1000
    path = tmp_path / "image.pgm"
    body = values.astype(">u2").tobytes()
    path.write_bytes(b"P5\n# made by hand\n4 3\n# largest\n65535\n" + body)
    np.testing.assert_array_equal(read_grey(path), values)
    path.write_bytes(b"P5\n# made by hand\n4 3\n# largest\n65535\n" + body[:-1])
    with pytest.raises(FormatError, match="truncated"):
        read_grey(path)


def test_channels_and_size_are_as_stored(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (6, 5, 4), np.uint8)
    write_image(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read_channels(tmp_path / "a.png"), image)
    write_image(tmp_path / "a.jpg", image[..., :3])
    assert read_size(tmp_path / "a.png") == read_size(tmp_path / "a.jpg") == (6, 5)
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(FormatError, match=r"text\.png"):
        read_size(tmp_path / "text.png")
    with pytest.raises(DataError, match=r"gone\.png: no such file"):
        read_size(tmp_path / "gone.png")


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
