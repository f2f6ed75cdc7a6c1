"""Maps in NumPy's array files (``.npy``)."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import FormatError, shown
from dsmnet.io.decoding import check_size, decoding
from dsmnet.io.disparity import DisparityCodec, known_disparity
from dsmnet.io.images import read_bytes, write_bytes
from dsmnet.types import DisparityMap

_LONGEST_HEADER = 1000  # bytes; that of a map has 118


def read_npy(path: Path | str) -> NDArray[np.floating]:
    """Read a map of numbers of any type with its stored values, [H, W]; nothing in the file is executed.

    Whole numbers become float32. Further axes of length one, as in [1, H, W], are dropped.
    """
    return decode_npy(read_bytes(path), path)


def decode_npy(data: bytes | memoryview, path: Path | str) -> NDArray[np.floating]:
    """Decode the content of an array file as `read_npy` does; `path` is its name in messages."""
    values = decode_array(data, path)
    if values.ndim > 2:
        values = values.squeeze()
    if values.dtype.kind not in "fiu" or values.ndim != 2 or values.size == 0:
        raise FormatError(
            f"{path}: a map of numbers [H, W] was expected, not {values.dtype} {list(values.shape)}"
        )
    check_size(values.shape[0], values.shape[1], path)
    return values if values.dtype.kind == "f" else values.astype(np.float32)


def decode_array(data: bytes | memoryview, path: Path | str) -> NDArray[Any]:
    """Decode an array of any shape and type but objects; a part of `data` where that can be written to."""
    with decoding(path, "not a whole .npy array"):
        shape, fortran, dtype, start = _read_header(data, path)
        content = np.frombuffer(data, np.uint8)[start:]
        content = content if content.flags.writeable else content.copy()
        return content.view(dtype).reshape(shape, order="F" if fortran else "C")


def _read_header(data: bytes | memoryview, path: Path | str) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Return shape, order, type and first byte of an array, refused where its size is not that of the file.

    Pickled objects could run code; a map is never one.
    """
    file = io.BytesIO(bytes(data[: 2 * _LONGEST_HEADER]))
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file, max_header_size=_LONGEST_HEADER)
    there, expected = len(data) - file.tell(), math.prod(shape) * dtype.itemsize
    if dtype.hasobject or there != expected:
        raise FormatError(
            f"{path}: not a whole .npy array, {there} bytes where its header says {shown(str(expected))}"
        )
    return shape, fortran, dtype, file.tell()


def read_disparity_npy(path: Path | str, scale: float = 1, min_disparity: float = 0) -> DisparityMap:
    """Read a disparity map, where one pixel is stored as `scale`; 0, inf, nan and less than that: unknown."""
    with np.errstate(invalid="ignore", over="ignore"):  # a nan of any kind is unknown
        return known_disparity(read_npy(path) / np.float32(scale), path, min_disparity)


def write_npy(path: Path | str, values: NDArray[np.floating]) -> None:
    """Write a map [H, W] as float32; folders are made as needed."""
    file = io.BytesIO()
    np.save(file, np.asarray(values, np.float32))
    write_bytes(path, file.getvalue())


NPY = DisparityCodec(read_disparity_npy, write_npy, signed=True)  # pixels; 0, inf or nan where unknown
