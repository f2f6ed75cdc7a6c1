"""Disparity and masks as MPI Sintel stores them.

The three channels of an 8-bit PNG together hold the disparity, in pixels ``R * 4 + G / 2^6 + B / 2^14``.
A mask of its own says what another object hides from the right view, a second one what lies outside it.
Format: readme of the archive at http://sintel.is.tue.mpg.de/stereo
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dsmnet.errors import FormatError
from dsmnet.io.images import write_image
from dsmnet.io.masks import NocCodec, read_mask_image
from dsmnet.io.rgb24 import disparity_rgb24
from dsmnet.types import DisparityMap, Mask

_SCALE = 2.0**14  # the number that red, green and blue make, of one pixel of disparity


def _read_noc(path: Path) -> Mask:
    hidden, outside = read_mask_image(path) > 0, read_mask_image(_outside(path)) > 0
    if hidden.shape != outside.shape:
        raise FormatError(f"{_outside(path)}: size {outside.shape}, but {path} has {hidden.shape}")
    return np.asarray(~(hidden | outside))


def _write_noc(path: Path, disparity: DisparityMap, noc: Mask) -> None:
    column = np.arange(noc.shape[1])
    outside = ~noc & (column - disparity < 0)
    for file, mask in ((path, ~noc & ~outside), (_outside(path), outside)):
        write_image(file, mask.astype(np.uint8) * 255)


def _outside(path: Path) -> Path:
    """Of training/occlusions/alley_1/frame_0001.png return training/outofframe/alley_1/frame_0001.png."""
    return path.parents[2] / "outofframe" / path.parent.name / path.name


SINTEL_DISPARITY = disparity_rgb24(_SCALE)
SINTEL_NOC = NocCodec(_read_noc, _write_noc)
