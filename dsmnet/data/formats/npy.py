"""NumPy's array files (``.npy``) that hold a disparity map."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsmnet.data.formats.disparity import DisparityCodec, known_pixels
from dsmnet.data.formats.images import read_bytes
from dsmnet.errors import FormatError
from dsmnet.protocols import DisparityMap


def read_npy(path: Path | str) -> DisparityMap:
    """Read a disparity map from a ``.npy`` file of any number type.

    Returns:
        float32 [H, W], pixels; 0 where the file has 0, a negative value, inf or nan. Further axes of length
        one, as in [1, H, W], are dropped.

    Raises:
        FormatError: no ``.npy`` file, only a part of one, or its array is no map of numbers.
        DataError: there is no such file.
    """
    data = io.BytesIO(read_bytes(path))
    try:
        # Pickled objects could run code; a disparity map is never one.
        values = np.lib.format.read_array(data, allow_pickle=False)
    except (ValueError, EOFError, SyntaxError) as error:  # what numpy raises on a broken header or body
        raise FormatError(f"{path}: not a whole .npy array ({error})") from None
    if values.ndim > 2:
        values = values.squeeze()
    if values.dtype.kind not in "fiu" or values.ndim != 2 or values.size == 0:
        raise FormatError(
            f"{path}: a disparity map of numbers [H, W] was expected, not {values.dtype} {list(values.shape)}"
        )
    return known_pixels(values.astype(np.float32), path)


def write_npy(path: Path | str, array: NDArray[np.floating]) -> None:
    """Write a disparity map [H, W], pixels, as float32; 0 is unknown."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:  # given a name, numpy would append .npy to it
        np.save(file, np.asarray(array, np.float32))


NPY = DisparityCodec.plain(read_npy, write_npy)
