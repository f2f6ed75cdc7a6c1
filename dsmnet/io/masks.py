"""Masks as files: what both views see, and what lies in the foreground."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dsmnet.errors import FormatError
from dsmnet.io.disparity import read_disparity, write_disparity_png16
from dsmnet.io.images import read_grey, read_image, write_image
from dsmnet.types import DisparityMap, Image, Mask


@dataclass(frozen=True)
class NocCodec:
    """How a data set says which pixels of the left view are seen by the right one too."""

    read: Callable[[Path], Mask]
    write: Callable[[Path, DisparityMap, Mask], None]


@dataclass(frozen=True)
class MaskCodec:
    """How a data set stores any other mask of the left view."""

    read: Callable[[Path], Mask]
    write: Callable[[Path, Mask], None]


def read_mask_image(path: Path) -> Image:
    """Return the values of a grey image of 8 bits."""
    mask = read_grey(path)
    if mask.dtype != np.uint8:
        raise FormatError(f"{path}: a mask of 8 bits was expected, not {mask.dtype}")
    return mask


def _read_set(path: Path) -> Mask:
    return np.asarray(read_grey(path) > 0)


def _read_noc_disparity(path: Path) -> Mask:
    return read_disparity(path) > 0


def _write_noc_disparity(path: Path, disparity: DisparityMap, noc: Mask) -> None:
    write_disparity_png16(path, np.where(noc, disparity, 0.0))


def _read_noc_mask(path: Path) -> Mask:
    return np.asarray(read_mask_image(path) == 255)


def _write_noc_mask(path: Path, disparity: DisparityMap, noc: Mask) -> None:
    write_image(path, np.where(noc, 255, np.where(disparity > 0, 128, 0)).astype(np.uint8))


def _write_object_map(path: Path, mask: Mask) -> None:
    write_image(path, mask.astype(np.uint8))


def _write_binary(path: Path, disparity: DisparityMap, noc: Mask) -> None:
    write_image(path, np.where(noc, 255, 0).astype(np.uint8))


def _read_match_map(path: Path) -> Mask:
    # The benchmark counts a pixel as unmatched where red or green is set; it takes no notice of blue.
    return np.asarray(~read_image(path)[..., :2].any(axis=2))


def _write_match_map(path: Path, disparity: DisparityMap, noc: Mask) -> None:
    colors = np.zeros((*noc.shape, 3), np.uint8)
    colors[~noc, 0] = 255
    write_image(path, colors)


NOC_DISPARITY = NocCodec(
    _read_noc_disparity, _write_noc_disparity
)  # KITTI: a second map, of these pixels only
NOC_MASK = NocCodec(
    _read_noc_mask, _write_noc_mask
)  # Middlebury, ETH3D: 255 seen by both, 128 by the left only
NOC_BINARY = NocCodec(_read_set, _write_binary)  # Booster: 0 occluded, else seen by both
MATCH_MAP = NocCodec(_read_match_map, _write_match_map)  # Spring: a color picture, black seen by both
OBJECT_MAP = MaskCodec(_read_set, _write_object_map)  # KITTI 2015: 0 background, else an object's number
