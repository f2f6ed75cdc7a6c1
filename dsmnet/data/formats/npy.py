"""Maps in NumPy's array files (``.npy``)."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsmnet.data.formats.disparity import DisparityCodec, known_disparity
from dsmnet.data.formats.images import read_bytes
from dsmnet.errors import FormatError
from dsmnet.protocols import DisparityMap


def read_npy(path: Path | str) -> NDArray[np.floating]:
    """Read a map of numbers of any type with its stored values, [H, W]; nothing in the file is executed.

    Whole numbers become float32. Further axes of length one, as in [1, H, W], are dropped.

    Raises:
        FormatError: no ``.npy`` file, only a part of one, or its array is no map of numbers.
        DataError: there is no such file.
    """
    data = io.BytesIO(read_bytes(path))
    try:
        # Pickled objects could run code; a map is never one.
        values = np.lib.format.read_array(data, allow_pickle=False)
    except (ValueError, EOFError, SyntaxError) as error:  # what numpy raises on a broken header or body
        raise FormatError(f"{path}: not a whole .npy array ({error})") from None
    if values.ndim > 2:
        values = values.squeeze()
    if values.dtype.kind not in "fiu" or values.ndim != 2 or values.size == 0:
        raise FormatError(
            f"{path}: a map of numbers [H, W] was expected, not {values.dtype} {list(values.shape)}"
        )
    return values if values.dtype.kind == "f" else values.astype(np.float32)


def read_disparity_npy(path: Path | str) -> DisparityMap:
    """Read a disparity map, float32 [H, W], pixels; 0 where the file has 0, a negative value, inf or nan.

    Raises:
        FormatError: see `read_npy`; or all disparities are negative or nan.
        DataError: there is no such file.
    """
    return known_disparity(read_npy(path), path)


def write_npy(path: Path | str, values: NDArray[np.floating]) -> None:
    """Write a map [H, W] as float32; folders are made as needed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:  # given a name, numpy would append .npy to it
        np.save(file, np.asarray(values, np.float32))


NPY = DisparityCodec.plain(read_disparity_npy, write_npy)  # pixels; 0, inf or nan where unknown
