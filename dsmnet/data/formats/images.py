"""Reading and writing PNG and JPEG images, with an error for every file that is not whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import DataError, FormatError
from dsmnet.protocols import Image

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"


def read_image(path: Path | str) -> Image:
    """Read a PNG or JPEG (8 or 16 bit; grey, colour, palette or with alpha) as uint8 [H, W, 3], RGB.

    16-bit values are divided by 256, grey is repeated in the three channels, alpha is dropped.

    Raises:
        FormatError: the file is no image, or only a part of one.
        DataError: there is no such file.
    """
    return np.ascontiguousarray(_decode(read_bytes(path), path, cv2.IMREAD_COLOR)[..., ::-1])


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


def write_image(path: Path | str, image: NDArray[Any]) -> None:
    """Write [H, W] or RGB [H, W, 3] values, uint8 or uint16, in the format of the path's suffix."""
    path = Path(path)
    stored = image[..., ::-1] if image.ndim == 3 else image
    _, data = cv2.imencode(path.suffix, np.ascontiguousarray(stored))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.tobytes())


def read_bytes(path: Path | str) -> bytes:
    """Read a file whole.

    Raises:
        DataError: there is no such file, or it may not be read.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def _decode(data: bytes, path: Path | str, flags: int) -> NDArray[Any]:
    # OpenCV 4 fills what is missing of a cut file with grey or black and says nothing.
    if not _is_whole(data):
        raise FormatError(f"{path}: truncated, the image ends after {len(data)} bytes")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise FormatError(f"{path}: cannot be read as an image (a whole PNG or JPEG was expected)")
    return image


def _is_whole(data: bytes) -> bool:
    if data.startswith(_PNG):
        return _png_is_whole(data)
    if data.startswith(_JPEG):
        # The end marker has to come after the last scan; an embedded thumbnail has one of its own before.
        return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
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
