"""PFM files laid out by hand, in every variant of the header, and what the writer makes of an image."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from dsmnet.errors import FormatError
from dsmnet.io import read_pfm, write_pfm

VALUES = [[1.5, -2.25, 3.0], [1e-3, 7.0, float("inf")]]  # top row first


def pfm_bytes(header: bytes, order: str, rows: list[list[float]] = VALUES) -> bytes:
    return header + b"".join(struct.pack(f"{order}{len(row)}f", *row) for row in reversed(rows))


@pytest.mark.parametrize(
    ("header", "order"),
    [
        pytest.param(b"Pf\n3 2\n-1.0\n", "<", id="little_endian"),
        pytest.param(b"Pf\n3 2\n1.0\n", ">", id="big_endian"),
        pytest.param(b"Pf\n3 2\n-1\n", "<", id="integer_scale"),
        pytest.param(b"Pf\n3 2\n-0.003922\n", "<", id="middlebury_scale"),
        pytest.param(b"Pf\n3 2\n0.003922\n", ">", id="middlebury_scale_big_endian"),
        pytest.param(b"Pf \n3 2 \n-1.0 \n", "<", id="blanks_before_line_ends"),
        pytest.param(b"Pf\r\n3 2\r\n-1.0\r\n", "<", id="crlf"),
        pytest.param(b"Pf\n# made by hand\n3 2\n# 9 9\n-1.0\n", "<", id="comments"),
        pytest.param(b"Pf\n3 2  # width height\n-1.0\n", "<", id="comment_after_words"),
        pytest.param(b"Pf\n3\n2\n-1e0\n", "<", id="one_word_a_line"),
        pytest.param(b"Pf 3 2 -1.0\n", "<", id="one_line"),
        pytest.param(b"Pf\n\n3 2\n\n-1.0\n", "<", id="empty_lines"),
    ],
)
def test_pfm_header_variants(tmp_path: Path, header: bytes, order: str) -> None:
    path = tmp_path / "a.pfm"
    path.write_bytes(pfm_bytes(header, order))
    image = read_pfm(path)
    assert image.dtype == np.float32
    assert image.dtype.isnative
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, np.array(VALUES, np.float32))


def test_pfm_color_has_three_channels(tmp_path: Path) -> None:
    path = tmp_path / "a.pfm"
    path.write_bytes(pfm_bytes(b"PF\n1 2\n1\n", ">"))
    np.testing.assert_array_equal(read_pfm(path), np.array(VALUES, np.float32).reshape(2, 1, 3))


def test_pfm_pixels_that_look_like_line_ends_stay_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.pfm"
    (value,) = struct.unpack("<f", b"\n\r #")
    path.write_bytes(b"Pf\n2 1\n-1.0\n" + b"\n\r #\n\r #")
    np.testing.assert_array_equal(read_pfm(path), np.full((1, 2), value, np.float32))


@pytest.mark.parametrize("shape", [(5, 7), (1, 1), (4, 3, 3)])
def test_pfm_written_is_read_back_and_opencv_agrees(tmp_path: Path, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    path = tmp_path / "new" / "a.pfm"
    write_pfm(path, image)
    np.testing.assert_array_equal(read_pfm(path), image)
    theirs = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert theirs is not None
    np.testing.assert_array_equal(theirs if image.ndim == 2 else theirs[..., ::-1], image)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(pfm_bytes(b"Pf\n3 2\n-1.0\n", "<")[:-1], "truncated", id="truncated"),
        pytest.param(b"Pf\n3 2\n-1.0\n", "truncated", id="no_pixels"),
        pytest.param(pfm_bytes(b"Pf\n3 1\n-1.0\n", "<"), "more than", id="too_long"),
        pytest.param(pfm_bytes(b"PF\n3 2\n-1.0\n", "<"), "truncated", id="color_header_on_grey_data"),
        pytest.param(b"P6\n3 2\n255\n" + bytes(18), "not a PFM", id="ppm"),
        pytest.param(b"", "not a PFM", id="empty"),
        pytest.param(b"Pf\n3", "header", id="header_cut"),
        pytest.param(b"Pf\nx y\n-1.0\n", "header", id="no_numbers"),
        pytest.param(b"Pf\n-3 2\n-1.0\n" + bytes(24), "header", id="negative_width"),
        pytest.param(b"Pf\n3 2\n0\n" + bytes(24), "header", id="scale_zero"),
        pytest.param(b"Pf\n3 2\nnan\n" + bytes(24), "header", id="scale_nan"),
        pytest.param(b"Pf\n3 2 1 -1.0\n" + bytes(24), "header", id="five_words"),
    ],
)
def test_pfm_that_is_none_or_not_whole(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "bad.pfm"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=rf"bad\.pfm.*{message}"):
        read_pfm(path)
