"""Maps in NumPy's own format."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsmnet.data.formats.disparity import DisparityCodec, known_disparity
from dsmnet.data.formats.images import read_bytes
from dsmnet.errors import FormatError
from dsmnet.protocols import DisparityMap

_MAGIC = b"\x93NUMPY"


def read_npy(path: Path | str) -> NDArray[np.floating]:
    """Read a map of floating-point numbers of any precision, [H, W]; nothing in the file is executed.

    Raises:
        FormatError: the file is no .npy, only a part of one, or holds anything else.
        DataError: there is no such file.
    """
    data = read_bytes(path)
    if not data.startswith(_MAGIC):
        raise FormatError(f"{path}: no .npy file, which begins with {_MAGIC!r}, but with {data[:6]!r}")
    try:
        values = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise FormatError(f"{path}: truncated or damaged .npy file ({error})") from None
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.floating):
        raise FormatError(
            f"{path}: an array {values.dtype} {list(values.shape)}, where a map [height, width] of "
            "floating-point numbers was expected"
        )
    return np.asarray(values)


def write_npy(path: Path | str, values: NDArray[np.floating]) -> None:
    """Write a map [H, W]; folders are made as needed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    path.write_bytes(stream.getvalue())


def _read_disparity(path: Path) -> DisparityMap:
    return known_disparity(read_npy(path), path)


NPY = DisparityCodec.plain(_read_disparity, write_npy)  # pixels; 0, inf or nan where unknown
