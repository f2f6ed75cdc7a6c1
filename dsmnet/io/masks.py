"""Further masks of what both views see."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dsmnet.io.disparity import NocCodec
from dsmnet.io.images import read_grey, read_image, write_image
from dsmnet.types import DisparityMap, Mask


def _read_binary(path: Path) -> Mask:
    return np.asarray(read_grey(path) > 0)


def _write_binary(path: Path, disparity: DisparityMap, noc: Mask) -> None:
    write_image(path, np.where(noc, 255, 0).astype(np.uint8))


def _read_match_map(path: Path) -> Mask:
    # The benchmark counts a pixel as unmatched where red or green is set; it takes no notice of blue.
    return np.asarray(~read_image(path)[..., :2].any(axis=2))


def _write_match_map(path: Path, disparity: DisparityMap, noc: Mask) -> None:
    colors = np.zeros((*noc.shape, 3), np.uint8)
    colors[~noc, 0] = 255
    write_image(path, colors)


NOC_BINARY = NocCodec(_read_binary, _write_binary)  # Booster: 0 occluded, else seen by both
MATCH_MAP = NocCodec(_read_match_map, _write_match_map)  # Spring: a color picture, black seen by both
