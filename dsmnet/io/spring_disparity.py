"""Spring's disparity maps (``.dsp5``): HDF5 files that h5py reads, of twice the views' height and width.

Each pixel of a view has four values of ground truth, so that thin things in front of others are not averaged
away; all are in pixels of the view, not of the larger map. As the authors' own loader does
(https://github.com/cv-stuttgart/spring_utils), the upper left value of the four is taken.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import FormatError, UserError
from dsmnet.io.decoding import check_size, decoding
from dsmnet.io.disparity import DisparityCodec, known_disparity
from dsmnet.io.images import read_bytes
from dsmnet.types import DisparityMap

_KEY = "disparity"


def read_dsp5(path: Path | str) -> DisparityMap:
    """Read a disparity map at the size of its view, [H, W] of a file's [2H, 2W].

    Raises:
        UserError: H5py is not installed.
    """
    h5py = _h5py()
    data = read_bytes(path)
    with decoding(path, "not a whole HDF5 file"), h5py.File(io.BytesIO(data), "r") as file:
        # Links, virtual and external data lead to other files.
        own = isinstance(file.get(_KEY, getlink=True), h5py.HardLink)
        stored = file[_KEY] if own else None
        if not isinstance(stored, h5py.Dataset) or stored.is_virtual or stored.external:
            raise FormatError(
                f"{path}: HDF5 without the entry '{_KEY}' in the file itself, so it is no .dsp5"
            )
        shape = tuple(stored.shape or ())
        if stored.dtype.kind != "f" or len(shape) != 2 or any(n % 2 for n in shape):
            raise FormatError(
                f"{path}: numbers [2H, 2W], twice the size of the views, were expected, "
                f"not {stored.dtype} {list(shape)}"
            )
        check_size(*shape, path)
        # Deflate makes of a byte 1032 at most.
        if stored.id.get_storage_size() > len(data) or math.prod(shape) > 1032 * len(data):
            raise FormatError(
                f"{path}: not a whole HDF5 file, it claims to hold more than its {len(data)} bytes"
            )
        values = stored[()]
    return known_disparity(values[::2, ::2].astype(np.float32), path)


def write_dsp5(path: Path | str, disparity: NDArray[np.floating]) -> None:
    """Write a disparity map [H, W] as [2H, 2W], each value four times, nan where it is unknown (0).

    Raises:
        UserError: H5py is not installed.
    """
    values = np.where(disparity > 0, disparity, np.nan).astype(np.float32)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _h5py().File(path, "w") as file:
        file.create_dataset(_KEY, data=values.repeat(2, axis=0).repeat(2, axis=1), compression="gzip")


DSP5 = DisparityCodec(read_dsp5, write_dsp5)


def _h5py() -> Any:
    """Import h5py where it is needed: nobody without Spring needs it."""
    try:
        import h5py
    except ImportError:
        raise UserError(
            "Spring's .dsp5 files are HDF5 and need h5py, which is not there: pip install 'dsmnet[spring]'"
        ) from None
    return h5py
