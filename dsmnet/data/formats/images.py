"""Reading and writing PNG, JPEG, WebP and PPM/PGM images, with an error for every file that is not whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import UnidentifiedImageError

from dsmnet.errors import DataError, FormatError
from dsmnet.protocols import Image

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_REVERSED = [2, 1, 0, 3]  # OpenCV's order of channels, blue first
_PNM_WORD = re.compile(rb"(?:\s|#[^\n]*\n)+(\d+)")  # of a header: a number after blanks or comments


def read_image(path: Path | str) -> Image:
    """Read a PNG, JPEG, WebP, PPM or PGM as uint8 [H, W, 3], RGB.

    It may have 8 or 16 bit, be grey, coloured, of a palette or with alpha.
    16-bit values are divided by 256, grey is repeated in the three channels, alpha is dropped.

    Raises:
        FormatError: the file is no image, or only a part of one.
        DataError: there is no such file.
    """
    return np.asarray(_decode(read_bytes(path), path, cv2.IMREAD_COLOR_RGB), np.uint8)


def read_grey(path: Path | str) -> NDArray[Any]:
    """Read a one-channel image with its stored values, uint8 or uint16 [H, W].

    Three equal channels count as one: some tools save grey images that way.

    Raises:
        FormatError: the file is no image, only a part of one, or has colours.
        DataError: there is no such file.
    """
    return decode_grey(read_bytes(path), path)


def decode_grey(data: bytes, path: Path | str) -> NDArray[Any]:
    """Do what `read_grey` does, for the content of a file; `path` is its name in messages."""
    image = _decode(data, path, cv2.IMREAD_UNCHANGED)
    if image.ndim == 3:
        colour = image[..., :3]
        if (colour != colour[..., :1]).any():
            raise FormatError(f"{path}: a colour picture, where an image of one channel was expected")
        image = colour[..., 0]
    return np.ascontiguousarray(image)


def read_channels(path: Path | str, least: int = 3) -> NDArray[np.uint8]:
    """Read the channels of an 8-bit image with their stored values, which code numbers, not colours.

    Returns:
        uint8 [H, W, 3] in the order red, green, blue, or [H, W, 4] with alpha last.

    Raises:
        FormatError: the file is no image, only a part of one, not of 8 bits, or has too few channels.
        DataError: there is no such file.
    """
    image = _decode(read_bytes(path), path, cv2.IMREAD_UNCHANGED)
    channels = 1 if image.ndim == 2 else image.shape[2]
    if image.dtype != np.uint8 or channels < least:
        raise FormatError(
            f"{path}: {channels} channels of {image.dtype}, where {least} of uint8 were expected, "
            "which together code one value"
        )
    return np.ascontiguousarray(image[..., _REVERSED[:channels]])


def read_size(path: Path | str) -> tuple[int, int]:
    """Return height and width of an image without decoding it.

    Raises:
        FormatError: the file is no image.
        DataError: there is no such file.
    """
    try:
        with PilImage.open(path) as image:
            return image.height, image.width
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnidentifiedImageError:
        raise FormatError(f"{path}: cannot be read as an image") from None


def write_image(path: Path | str, image: NDArray[Any]) -> None:
    """Write [H, W], RGB [H, W, 3] or RGBA [H, W, 4], uint8 or uint16, in the format of the path's suffix.

    A PGM has one channel; three equal ones are written as that.
    """
    path = Path(path)
    if path.suffix == ".pgm" and image.ndim == 3:
        if (image != image[..., :1]).any():
            raise ValueError(f"{path}: a PGM holds grey values, not colours")
        image = image[..., 0]
    stored = image if image.ndim == 2 else image[..., _REVERSED[: image.shape[2]]]
    _, data = cv2.imencode(path.suffix, np.ascontiguousarray(stored))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.tobytes())


@contextmanager
def open_file(path: Path | str) -> Iterator[BufferedReader]:
    """Open a file for reading.

    Raises:
        DataError: there is no such file, or it may not be read.
    """
    try:
        with Path(path).open("rb") as file:
            yield file
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def read_bytes(path: Path | str) -> bytes:
    """Read a file whole.

    Raises:
        DataError: there is no such file, or it may not be read.
    """
    with open_file(path) as file:
        return file.read()


def _decode(data: bytes, path: Path | str, flags: int) -> NDArray[Any]:
    # OpenCV 4 fills what is missing of a cut file with grey or black and says nothing.
    if not _is_whole(data):
        raise FormatError(f"{path}: truncated, the image ends after {len(data)} bytes")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise FormatError(f"{path}: cannot be read as an image (PNG, JPEG, WebP, PPM or PGM)")
    return image


def _is_whole(data: bytes) -> bool:
    if data.startswith(_PNG):
        return _png_is_whole(data)
    if data.startswith(_JPEG):
        # The end marker has to come after the last scan; an embedded thumbnail has one of its own before.
        return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return len(data) >= 8 + int.from_bytes(data[4:8], "little")
    if data[:2] in (b"P5", b"P6"):
        return _pnm_is_whole(data)
    return len(data) > 0


def _png_is_whole(data: bytes) -> bool:
    """Walk the chunks (length, type, content, checksum) to the end mark."""
    position = len(_PNG)
    while position + 12 <= len(data):
        kind = data[position + 4 : position + 8]
        position += 12 + int.from_bytes(data[position : position + 4], "big")
        if kind == b"IEND":
            return position <= len(data)
    return False


def _pnm_is_whole(data: bytes) -> bool:
    """Compare the size with what the header says: width, height, largest value, one blank, values."""
    numbers: list[int] = []
    position = 2
    while len(numbers) < 3 and (match := _PNM_WORD.match(data, position)):
        numbers.append(int(match[1]))
        position = match.end()
    if len(numbers) < 3:
        return False
    width, height, largest = numbers
    channels = 3 if data[:2] == b"P6" else 1
    return len(data) >= position + 1 + width * height * channels * (2 if largest > 255 else 1)
