"""Reading and writing PNG, JPEG, WebP and PPM/PGM images, with an error for every file that is not whole."""

from __future__ import annotations

import io
import os
import re
import stat
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
from dsmnet.io.decoding import check_size, decoding, warn_once
from dsmnet.types import Image

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG, _SCAN = b"\xff\xd8\xff", b"\xff\xda"
_MOST_SCANNED = 1 << 30  # pixels times scans of a progressive JPEG, some seconds of decoding
_MOST_BYTES = 1 << 29  # of a file that is read whole
_DEPTHS = (8, 10, 12, 14, 16)  # bits of the cameras that store 16
_ORIENTATION, _EXIF_WITHIN = 0x0112, 1 << 17  # the tag; where a JPEG would have it
_REVERSED = [2, 1, 0, 3]  # OpenCV's order of channels, blue first
_PNM_WORD = re.compile(rb"(?:\s|#[^\n]*\n)+(\d{1,9})(?!\d)")  # of a header: a number after blanks or comments


def read_image(path: Path | str) -> Image:
    """Read a PNG, JPEG, WebP, PPM or PGM as uint8 [H, W, 3], RGB, of the pixels as they are stored.

    It may have 8 or 16 bit, be grey, colored, of a palette or with alpha. Grey is repeated in the three
    channels, alpha is dropped, an EXIF orientation is not followed, 16 bit: see `read_views`.
    """
    return views_to_eight_bits([_decode_color(path)], path)[0]


def read_views(left: Path | str, right: Path | str) -> tuple[Image, Image]:
    """Read the two views of a pair, as `read_image` does each.

    Cameras of 10 or 12 bit store these in files of 16. So the largest value of both views together says how
    many bits there are, and both are brought to 8 by the same factor.
    """
    views = views_to_eight_bits([_decode_color(left), _decode_color(right)], left)
    return views[0], views[1]


def _decode_color(path: Path | str) -> NDArray[Any]:
    return decode_color(read_bytes(path), path)


def decode_color(data: bytes, path: Path | str) -> NDArray[Any]:
    """Decode the content of an image file, RGB [H, W, 3], uint8 or uint16; `path` is its name in messages."""
    image = _decode(data, path, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH)
    if image.dtype not in (np.uint8, np.uint16):
        raise FormatError(f"{path}: an image of {image.dtype}, where 8 or 16 bit were expected")
    return image


def bit_depth(*images: NDArray[Any]) -> int:
    """Return how many bits 16-bit images use together, of those that cameras have; 8 without any."""
    largest = max(
        (int(image.max()) for image in images if image.dtype == np.uint16 and image.size), default=0
    )
    return next(bits for bits in _DEPTHS if largest < 2**bits)


def views_to_eight_bits(images: list[NDArray[Any]], path: Path | str) -> list[Image]:
    """Bring images of 8 or 16 bit to 8, the latter by their largest value; `path` names the first."""
    if all(image.dtype == np.uint8 for image in images):
        return images
    bits = bit_depth(*images)
    if bits < 16:
        warn_once(
            ("bits", str(Path(path).parent), str(bits)),
            "%s: 16-bit images that use %d bit are taken as such, here and in other files of the folder",
            *(path, bits),
        )
    return [
        image if image.dtype == np.uint8 else np.asarray(image >> (bits - 8), np.uint8) for image in images
    ]


def read_grey(path: Path | str) -> NDArray[Any]:
    """Read a one-channel image with its stored values, uint8 or uint16 [H, W].

    Three equal channels count as one: some tools save grey images that way.
    """
    return decode_grey(read_bytes(path), path)


def decode_grey(data: bytes, path: Path | str) -> NDArray[Any]:
    """Do what `read_grey` does, for the content of a file; `path` is its name in messages."""
    image = _decode(data, path, cv2.IMREAD_UNCHANGED)
    if image.dtype not in (np.uint8, np.uint16):
        raise FormatError(
            f"{path}: values of {image.dtype}, where whole numbers of 8 or 16 bit were expected"
        )
    if image.ndim == 3:
        color = image[..., :3]
        if (color != color[..., :1]).any():
            raise FormatError(f"{path}: a color picture, where an image of one channel was expected")
        image = color[..., 0]
    return np.ascontiguousarray(image)


def read_channels(path: Path | str, least: int = 3) -> NDArray[np.uint8]:
    """Read the stored values of an 8-bit image, which code numbers: [H, W, 3] RGB or [H, W, 4] RGBA."""
    image = _decode(read_bytes(path), path, cv2.IMREAD_UNCHANGED)
    channels = 1 if image.ndim == 2 else image.shape[2]
    if image.dtype != np.uint8 or channels < least:
        raise FormatError(
            f"{path}: {channels} channels of {image.dtype}, where {least} of uint8 were expected, "
            "which together code one value"
        )
    return np.ascontiguousarray(image[..., _REVERSED[:channels]])


def read_size(path: Path | str) -> tuple[int, int]:
    """Return height and width of an image without decoding it."""
    with open_file(path) as file, decoding(path, "cannot be read as an image"), PilImage.open(file) as image:
        return image.height, image.width


def write_image(path: Path | str, image: NDArray[Any]) -> None:
    """Write [H, W], RGB [H, W, 3] or RGBA [H, W, 4], uint8 or uint16, in the format of the path's suffix.

    A PGM has one channel; three equal ones are written as that.
    """
    path = Path(path)
    if path.suffix == ".pgm" and image.ndim == 3:
        if (image != image[..., :1]).any():
            raise ValueError(f"{path}: a PGM holds grey values, not colors")
        image = image[..., 0]
    stored = image if image.ndim == 2 else image[..., _REVERSED[: image.shape[2]]]
    _, data = cv2.imencode(path.suffix, np.ascontiguousarray(stored))
    write_bytes(path, data.tobytes())


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write a file; folders are made as needed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@contextmanager
def open_file(path: Path | str) -> Iterator[BufferedReader]:
    """Open a file for reading."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # before it is opened: a pipe waits for its writer
            raise DataError(f"{path}: cannot be read (not an ordinary file)")
        with Path(path).open("rb") as file:
            yield file
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def read_bytes(path: Path | str, most: int = _MOST_BYTES) -> bytes:
    """Read a file whole, of at most so many bytes."""
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size  # a read of at most N bytes takes N bytes of memory first
        if size > most:
            raise FormatError(f"{path}: larger than {most} bytes, which no file of its kind is")
        return file.read(size)


def _decode(data: bytes, path: Path | str, flags: int) -> NDArray[Any]:
    with decoding(path, "cannot be read as an image"):
        # OpenCV 4 fills what is missing of a cut file with grey or black and says nothing.
        if not _is_whole(data):
            raise FormatError(f"{path}: truncated, the image ends after {len(data)} bytes")
        _check_header(data, path)
        try:
            # Maps and calibrations belong to the stored pixels, so these are not turned.
            kept = flags if flags == cv2.IMREAD_UNCHANGED else flags | cv2.IMREAD_IGNORE_ORIENTATION
            image = cv2.imdecode(np.frombuffer(data, np.uint8), kept)
        except cv2.error:
            image = None
        if image is None:
            raise FormatError(f"{path}: cannot be read as an image (PNG, JPEG, WebP, PPM or PGM)")
        return image


def _check_header(data: bytes, path: Path | str) -> None:
    """Refuse an impossible size before it is allocated; warn of an orientation that is not followed."""
    try:
        with PilImage.open(io.BytesIO(data)) as image:
            check_size(image.height, image.width, path)
            scans = data.count(_SCAN) if data.startswith(_JPEG) else 1
            if image.height * image.width * scans > _MOST_SCANNED:
                raise FormatError(
                    f"{path}: {scans} scans of {image.width}x{image.height} pixels are too many"
                )
            tiff = data[:2] in (b"II", b"MM")
            exif = data[6:10] == b"Exif" or b"Exif\0\0" in data[:_EXIF_WITHIN]
            marked = tiff or exif or b"eXIf" in data or b"EXIF" in data
            orientation = image.getexif().get(_ORIENTATION, 1) if marked else 1
    except (UnidentifiedImageError, PilImage.DecompressionBombError):
        raise FormatError(f"{path}: cannot be read as an image (PNG, JPEG, WebP, PPM or PGM)") from None
    if tiff and orientation in range(2, 9):
        raise FormatError(
            f"{path}: Orientation={orientation} in a TIFF is not supported; expected upright pixels"
        )
    if orientation in range(2, 9):
        warn_once(
            ("orientation", str(Path(path).parent), str(orientation)),
            "%s: EXIF tag Orientation=%s is not followed, here and in other files of its folder: maps and "
            "calibrations belong to the pixels as they are stored",
            *(path, orientation),
        )


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
