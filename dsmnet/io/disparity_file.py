"""A disparity map of any of the common formats, told by its suffix."""

from __future__ import annotations

from pathlib import Path

from dsmnet.io.disparity import check_scale, read_disparity
from dsmnet.io.npy import read_disparity_npy
from dsmnet.types import DisparityMap

MAP_SUFFIXES = (".pfm", ".png", ".npy")


def read_map(path: Path | str, scale: float | None = None, min_disparity: float = 0) -> DisparityMap:
    """Read a disparity map from .pfm, .png or .npy; the options are those of `read_disparity`.

    Raises:
        UserError: `scale` is not positive, or needed and not given, or given for a format that takes none.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() != ".npy":
        return read_disparity(path, scale, min_disparity)
    return read_disparity_npy(path, 1 if scale is None else check_scale(scale, path), min_disparity)
