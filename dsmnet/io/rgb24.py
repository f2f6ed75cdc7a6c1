"""Numbers of 24 bits, spread over the three channels of an 8-bit image, and disparity that is stored so.

CARLA puts the lowest byte into the red channel, MPI Sintel and FoundationStereo's FSD the highest one. Those
of FSD are digits to the base of 255, so a number may have two forms; that without a digit of 255 is written.
"""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dsmnet.io.disparity import DisparityCodec
from dsmnet.io.images import read_channels, write_image
from dsmnet.types import DisparityMap

log = logging.getLogger(__name__)

Red = Literal["low", "high"]
LARGEST = 2**24 - 1
_PLACES = {"low": (0, 1, 2), "high": (2, 1, 0)}  # of red, green, blue


def read_rgb24(path: Path | str, red: Red, base: int = 256) -> NDArray[np.int64]:
    """Read the numbers of an 8-bit image, int64 [H, W], of which `red` is a digit; alpha is ignored."""
    channels = read_channels(path).astype(np.int64)
    return sum((channels[..., i] * base**place for i, place in enumerate(_PLACES[red])), np.int64(0))


def write_rgb24(path: Path | str, numbers: NDArray[np.integer], red: Red, base: int = 256) -> None:
    """Write numbers [H, W] from 0 to base^3 - 1."""
    numbers = numbers.astype(np.int64)
    digits = [numbers // base**place % base for place in _PLACES[red]]
    write_image(path, np.stack(digits, 2).astype(np.uint8))


def disparity_rgb24(scale: float, base: int = 256) -> DisparityCodec:
    """Return the codec of disparity times `scale` in three digits, the highest one red; 0 is unknown."""
    read, write = partial(_read_disparity, scale, base), partial(_write_disparity, scale, base)
    return DisparityCodec(read, write, step=1 / scale, largest=(base**3 - 1) / scale)


def _read_disparity(scale: float, base: int, path: Path) -> DisparityMap:
    return (read_rgb24(path, "high", base) / scale).astype(np.float32)


def _write_disparity(scale: float, base: int, path: Path, disparity: NDArray[np.floating]) -> None:
    stored, largest = np.round(np.asarray(disparity, np.float64) * scale), base**3 - 1
    too_large = int((stored > largest).sum())
    if too_large:
        cut = f"{base**3 / scale:g} px, the largest it can store"
        log.warning("%s: %d pixels cut to %s", path, too_large, cut)
    # A known disparity below half a step would be stored as 0, which says unknown.
    stored = np.where(disparity > 0, np.clip(stored, 1, largest), 0)
    write_rgb24(path, stored.astype(np.int64), "high", base)
