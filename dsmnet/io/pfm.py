"""Portable float maps (PFM), in every variant that the stereo benchmarks hand out.

A header of four words (``Pf`` or ``PF``, width, height, scale), then float32 values row by row from the
*bottom* of the image up. The scale's sign gives the byte order, negative for little endian; its size is
ignored, since Middlebury writes 1/255 there and still means pixels. Some writers leave blanks before line
ends, use CRLF or put in comments.
Format: http://www.pauldebevec.com/Research/HDR/PFM/
"""

from __future__ import annotations

import io
import math
import os
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import FormatError
from dsmnet.io.decoding import check_size
from dsmnet.io.images import open_file, write_bytes

_MAX_HEADER_LINES = 64  # a longer one is no PFM but some other file
_MAX_HEADER_BYTES = 1 << 16
_MAX_WORD = 32  # characters of a number


class PfmHeader(NamedTuple):
    """What the first lines of a PFM file say."""

    shape: tuple[int, ...]  # [H, W] or [H, W, 3]
    dtype: np.dtype[np.float32]  # with its byte order
    size: int  # bytes the header itself takes


def read_pfm(path: Path | str) -> NDArray[np.float32]:
    """Read a PFM, float32 [H, W] or [H, W, 3], top row first, values as they are (unknown: inf or nan)."""
    with open_file(path) as file:
        return _read(file, os.fstat(file.fileno()).st_size, path)


def decode_pfm(data: bytes, path: Path | str) -> NDArray[np.float32]:
    """Do what `read_pfm` does, for the content of a file; `path` is its name in messages."""
    return _read(io.BytesIO(data), len(data), path)


def _read(file: io.BufferedIOBase, size: int, path: Path | str) -> NDArray[np.float32]:
    header = read_pfm_header(file.read(_MAX_HEADER_BYTES), path)
    expected = math.prod(header.shape) * 4
    there = size - header.size
    if there < expected:
        raise FormatError(f"{path}: truncated, {there} bytes of pixels where {header.shape} needs {expected}")
    check_size(header.shape[0], header.shape[1], path)
    # Straight into the array that is returned, and turned over in it: a second array of that size would
    # take longer to get from the system than the pixels from the disk.
    values = np.empty(header.shape, np.float32)
    file.seek(header.size)
    file.readinto(values.data.cast("B"))
    if file.read(_MAX_HEADER_BYTES).strip():
        raise FormatError(f"{path}: {there - expected} bytes more than the {expected} of {header.shape}")
    if not header.dtype.isnative:
        values.byteswap(inplace=True)
    cv2.flip(values, 0, values)
    return values


def write_pfm(path: Path | str, image: NDArray[np.floating]) -> None:
    """Write [H, W] or [H, W, 3] values, top row first, as a little-endian PFM; folders are made as needed."""
    if image.ndim != 2 and image.shape[2:] != (3,):
        raise ValueError(f"a PFM holds [H, W] or [H, W, 3] values, not {image.shape}")
    height, width = image.shape[:2]
    magic = "Pf" if image.ndim == 2 else "PF"
    body = np.ascontiguousarray(image[::-1], dtype="<f4").tobytes()
    write_bytes(path, f"{magic}\n{width} {height}\n-1.0\n".encode("ascii") + body)


def read_pfm_header(data: bytes, path: Path | str) -> PfmHeader:
    """Read shape and byte order from the content of a file."""
    if data[:2] not in (b"Pf", b"PF"):
        raise FormatError(f"{path}: not a PFM file, which begins with Pf or PF, but with {data[:2]!r}")
    words: list[bytes] = []
    position = 0
    for _ in range(_MAX_HEADER_LINES):
        # The pixels begin right after the line that holds the scale: only whole lines are consumed, because
        # the first pixel's bytes may themselves look like blanks.
        end = data.find(b"\n", position)
        if end < 0:
            break
        words += data[position:end].split(b"#")[0].split()
        position = end + 1
        if len(words) >= 4:
            return _parse_header(words, position, path)
    raise FormatError(f"{path}: the PFM header ends before width, height and scale")


def _parse_header(words: list[bytes], size: int, path: Path | str) -> PfmHeader:
    text = b" ".join(words).decode("ascii", "replace")
    try:
        if max(map(len, words)) > _MAX_WORD:
            raise ValueError("a word of more characters than any number")
        magic, width, height, scale = words[0], int(words[1]), int(words[2]), float(words[3])
        sensible = width > 0 and height > 0 and math.isfinite(scale) and scale != 0
        if len(words) != 4 or magic not in (b"Pf", b"PF") or not sensible:
            raise ValueError("not what a header says")
    except ValueError:
        raise FormatError(f"{path}: PFM header '{text}' instead of 'Pf width height scale'") from None
    shape = (height, width) if magic == b"Pf" else (height, width, 3)
    return PfmHeader(shape, np.dtype("<f4" if scale < 0 else ">f4"), size)
