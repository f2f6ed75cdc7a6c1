"""Maps in OpenEXR images of one channel (``.exr``), which the OpenEXR package reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import FormatError, UserError
from dsmnet.io.decoding import check_size, decoding
from dsmnet.io.disparity import DisparityCodec, known_disparity
from dsmnet.io.images import open_file
from dsmnet.types import DisparityMap


def read_disparity_exr(path: Path | str, min_disparity: float = 0) -> DisparityMap:
    """Read a disparity map, pixels; 0, inf, nan and less than `min_disparity` are unknown.

    Raises:
        UserError: OpenEXR is not installed.
    """
    openexr = _openexr()
    with open_file(path), decoding(path, "not a whole OpenEXR image"):
        # Not with `InputFile`, the older interface: broken files make it crash.
        header = openexr.File(str(path), header_only=True).header()
        (left, top), (right, bottom) = np.asarray(header["dataWindow"], np.int64).tolist()
        check_size(bottom - top + 1, right - left + 1, path)
        names = [channel.name for channel in header["channels"]]
        if len(names) != 1:
            raise FormatError(f"{path}: {len(names)} channels, where a disparity map has one")
        values = openexr.File(str(path), separate_channels=True).channels()[names[0]].pixels
    with np.errstate(invalid="ignore"):  # a nan of any kind is unknown
        return known_disparity(np.asarray(values, np.float32), path, min_disparity)


def write_exr(path: Path | str, values: NDArray[np.floating]) -> None:
    """Write a map [H, W] as float32 in the channel G; folders are made as needed.

    Raises:
        UserError: OpenEXR is not installed.
    """
    openexr = _openexr()
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    openexr.File({}, {"G": np.ascontiguousarray(values, np.float32)}).write(str(path))


EXR = DisparityCodec(read_disparity_exr, write_exr, signed=True)


def _openexr() -> Any:
    """Import OpenEXR where it is needed: nobody without IRS needs it."""
    try:
        import OpenEXR
    except ImportError:
        raise UserError(
            "IRS's .exr files need OpenEXR, which is not there: pip install 'dsmnet[irs]'"
        ) from None
    return OpenEXR
