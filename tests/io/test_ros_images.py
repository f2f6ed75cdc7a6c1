"""Pixels of ROS messages: every encoding gives back the picture that was stored."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from dsmnet.errors import FormatError
from dsmnet.io.ros_images import decode_message
from tests.io.bags import compressed, image

SMOOTH = cv2.resize(np.random.default_rng(0).integers(0, 256, (5, 6, 3)).astype(np.uint8), (48, 40))
DEEP = SMOOTH.astype(np.uint16) * 257
ALPHA = np.full((40, 48, 1), 9, np.uint8)
GREY = cv2.cvtColor(SMOOTH, cv2.COLOR_RGB2GRAY)
COLORS = {"r": 0, "g": 1, "b": 2}


def mosaic(picture: np.ndarray, pattern: str) -> np.ndarray:
    """Keep of each pixel the color that a sensor of this pattern sees."""
    kept = picture[..., 0].copy()
    for place, color in enumerate(pattern):
        y, x = divmod(place, 2)
        kept[y::2, x::2] = picture[y::2, x::2, COLORS[color]]
    return kept


def yuv422(order: str) -> np.ndarray:
    yuv = cv2.cvtColor(SMOOTH, cv2.COLOR_RGB2YUV)
    y, u, v = yuv[..., 0], yuv[:, ::2, 1], yuv[:, ::2, 2]
    parts = {"uyvy": (u, y[:, ::2], v, y[:, 1::2]), "yuyv": (y[:, ::2], u, y[:, 1::2], v)}[order]
    return np.stack(parts, -1).reshape(40, 48, 2)


def decoded(stored: np.ndarray, encoding: str, **how: object) -> np.ndarray:
    return decode_message(SimpleNamespace(**image(stored, encoding, **how)), "x.bag /left")


def decoded_bytes(form: str, data: np.ndarray) -> np.ndarray:
    return decode_message(SimpleNamespace(format=form, data=data), "x")


@pytest.mark.parametrize("padding", [0, 10])
@pytest.mark.parametrize(
    ("encoding", "stored"),
    [
        ("rgb8", SMOOTH),
        ("bgr8", SMOOTH[..., ::-1]),
        ("8UC3", SMOOTH[..., ::-1]),
        ("rgba8", np.concatenate([SMOOTH, ALPHA], -1)),
        ("bgra8", np.concatenate([SMOOTH[..., ::-1], ALPHA], -1)),
        ("rgb16", DEEP),
        ("bgr16", DEEP[..., ::-1]),
    ],
)
def test_colors_come_back_exactly(encoding: str, stored: np.ndarray, padding: int) -> None:
    for big in (False, True):
        found = decoded(np.ascontiguousarray(stored), encoding, padding=padding, big=big)
        np.testing.assert_array_equal(found, DEEP if stored.dtype == np.uint16 else SMOOTH)


def test_grey_is_repeated_in_three_channels() -> None:
    for stored, encoding in ((GREY, "mono8"), (GREY, "8UC1")):
        np.testing.assert_array_equal(decoded(stored, encoding), np.repeat(GREY[..., None], 3, -1))
    for big in (False, True):
        found = decoded(GREY.astype(np.uint16) * 16, "mono16", big=big, padding=6)
        np.testing.assert_array_equal(found[..., 0], GREY.astype(np.uint16) * 16)


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_mosaics_become_colors(pattern: str) -> None:
    for picture in (SMOOTH, DEEP):
        bits = 8 * picture.itemsize
        found = decoded(mosaic(picture, pattern), f"bayer_{pattern}{bits}", big=True)
        error = np.abs(found.astype(float) - picture)[2:-2, 2:-2].mean() / 2 ** (bits - 8)
        assert error < 4  # an interpolation; a wrong pattern exchanges red and blue, and is off by 40
    raw = {
        "format": f"bayer_{pattern}8; png compressed ",
        "data": cv2.imencode(".png", mosaic(SMOOTH, pattern))[1],
    }
    found = decoded_bytes(raw["format"], raw["data"].ravel())
    assert np.abs(found.astype(float) - SMOOTH)[2:-2, 2:-2].mean() < 4


@pytest.mark.parametrize(
    ("encoding", "order"), [("yuv422", "uyvy"), ("uyvy", "uyvy"), ("yuv422_yuy2", "yuyv"), ("yuyv", "yuyv")]
)
def test_halved_chroma_becomes_colors(encoding: str, order: str) -> None:
    found = decoded(yuv422(order), encoding, padding=4)
    # OpenCV's two conversions differ in the range that they give to the values.
    assert np.corrcoef(found.ravel(), SMOOTH.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_compressed_images(suffix: str) -> None:
    fields = compressed(SMOOTH, suffix)
    found = decoded_bytes(fields["format"], fields["data"])
    assert np.abs(found.astype(int) - SMOOTH).mean() < (3 if suffix == ".jpg" else 1e-9)
    with pytest.raises(FormatError, match="x: truncated"):
        decoded_bytes(fields["format"], fields["data"][:60])
    with pytest.raises(FormatError, match=r"compressedDepth.* one of depth"):
        decoded_bytes("32FC1; compressedDepth", fields["data"])


@pytest.mark.parametrize(
    ("encoding", "size", "step", "number", "message"),
    [
        ("32FC1", (4, 6), 24, 96, "encoding 32FC1; expected one of images"),
        ("x" * 999, (4, 6), 6, 24, "expected one of images"),
        ("rgb8", (4, 6), 18, 71, "71 bytes in rows of 18; 6x4 of rgb8 were expected"),
        ("rgb8", (4, 6), 17, 999, "999 bytes in rows of 17"),
        ("mono8", (0, 6), 6, 24, "states a size of 0x6"),
        ("mono8", (2**31, 2**31), 2**31, 24, "states a size"),
        ("mono8", (4, 6), 2**32 - 1, 24, "24 bytes in rows of"),
        ("yuv422", (2, 3), 6, 12, "yuv422"),
    ],
)
def test_impossible_images_are_refused_in_one_line(
    encoding: str, size: tuple[int, int], step: int, number: int, message: str
) -> None:
    fields = {"height": size[0], "width": size[1], "step": step, "is_bigendian": 0}
    given = SimpleNamespace(encoding=encoding, data=np.zeros(number, np.uint8), **fields)
    with pytest.raises(FormatError, match=message) as refused:
        decode_message(given, "x.bag /left")
    assert "x.bag /left" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500


def test_the_last_row_may_lack_its_padding() -> None:
    fields = image(SMOOTH, padding=10)
    found = decode_message(SimpleNamespace(**fields | {"data": fields["data"][:-10]}), "x")
    np.testing.assert_array_equal(found, SMOOTH)
