"""The formats of the older benchmarks and of the smaller downloads: PPM, PGM, WebP; maps without a value."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from dsmnet.errors import FormatError
from dsmnet.io import read_disparity, read_grey, read_image, write_image, write_pfm


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


def test_a_map_of_nan_is_refused_one_of_unknown_pixels_is_not(tmp_path: Path) -> None:
    write_pfm(tmp_path / "map.pfm", np.full((4, 5), np.nan, np.float32))
    with pytest.raises(FormatError, match=r"map\.pfm: every pixel is nan"):
        read_disparity(tmp_path / "map.pfm")
    write_pfm(tmp_path / "map.pfm", np.full((4, 5), np.inf, np.float32))
    assert not read_disparity(tmp_path / "map.pfm").any()
