"""Numbers of 24 bits, spread over the three channels of an 8-bit image.

CARLA puts the lowest byte into the red channel, MPI Sintel the highest one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dsmnet.io.images import read_channels, write_image

LARGEST = 2**24 - 1
_SHIFTS = {"low": (0, 8, 16), "high": (16, 8, 0)}  # of red, green, blue


def read_rgb24(path: Path | str, red: Literal["low", "high"]) -> NDArray[np.int64]:
    """Read the numbers of an 8-bit image, int64 [H, W], of which `red` is a byte; alpha is ignored."""
    channels = read_channels(path).astype(np.int64)
    return sum((channels[..., i] << shift for i, shift in enumerate(_SHIFTS[red])), np.int64(0))


def write_rgb24(path: Path | str, numbers: NDArray[np.integer], red: Literal["low", "high"]) -> None:
    """Write numbers [H, W] from 0 to 2^24 - 1."""
    numbers = numbers.astype(np.int64)
    write_image(path, np.stack([numbers >> shift & 255 for shift in _SHIFTS[red]], 2).astype(np.uint8))
