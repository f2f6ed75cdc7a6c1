"""Depth maps as files, for sets that store depth where a stereo benchmark stores disparity.

``disparity = focal * baseline / depth - doffs`` (see `dsmnet.types.Calibration`). Depth is that along the
optical axis, in metres. What a format stores as its largest number counts as unknown: the sky and everything
else that lies too far share it, so a disparity would be made up.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import FormatError
from dsmnet.io.decoding import LARGEST_DISPARITY
from dsmnet.io.disparity import DisparityCodec
from dsmnet.io.images import read_channels, read_grey, write_image
from dsmnet.io.npy import read_npy, write_npy
from dsmnet.io.rgb24 import LARGEST, read_rgb24, write_rgb24
from dsmnet.types import Calibration, DisparityMap

log = logging.getLogger(__name__)

Depth = NDArray[np.floating]  # [H, W], metres; 0, inf or nan where unknown


@dataclass(frozen=True)
class DepthFormat:
    """How depth is stored."""

    read: Callable[[Path], Depth]
    write: Callable[[Path, Depth], None]  # takes inf for unknown
    unit: float = 0.0  # metres between two values that can be stored; 0 for floating point
    farthest: float = math.inf  # metres


def depth_codec(form: DepthFormat, rig: Calibration) -> DisparityCodec:
    """Return the codec of disparity that is stored as depth.

    `rig`, of the smallest focal * baseline, only says how fine the disparities are that can be stored.
    """
    return DisparityCodec(partial(_read, form), partial(_write, form), partial(_step, form, rig))


def _read(form: DepthFormat, path: Path, pair: Calibration | None) -> DisparityMap:
    calibration = pair or Calibration()
    with np.errstate(invalid="ignore"):  # a nan of any kind is unknown
        depth = form.read(path).astype(np.float64)
    known = np.isfinite(depth) & (depth > 0)
    disparity = np.divide(_product(calibration), depth, out=np.zeros_like(depth), where=known)
    disparity = np.where(known, np.maximum(disparity - calibration.doffs, 0), 0)
    return np.where(disparity <= LARGEST_DISPARITY, disparity, 0).astype(np.float32)


def _write(form: DepthFormat, path: Path, disparity: DisparityMap, pair: Calibration | None) -> None:
    calibration = pair or Calibration()
    known = disparity > 0
    depth = _product(calibration) / np.where(known, disparity.astype(np.float64) + calibration.doffs, 1)
    form.write(path, np.where(known, depth, np.inf))


def _step(form: DepthFormat, rig: Calibration, disparity: DisparityMap) -> DisparityMap:
    """Return twice the largest error that storing the depth makes."""
    total = disparity.astype(np.float64) + rig.doffs
    half = total * form.unit / 2
    rounding = 2 * total * half / np.maximum(_product(rig) - half, half)
    beyond = 2 * (_product(rig) / form.farthest - total)  # what lies too far is stored as the farthest
    floating = disparity * 2.0**-22  # two roundings to float32
    return (np.maximum(rounding, beyond) + floating).astype(np.float32)


def _product(calibration: Calibration) -> float:
    if calibration.focal is None or calibration.baseline is None:
        raise ValueError(f"focal and baseline are needed to turn depth into disparity: {calibration}")
    return calibration.focal * calibration.baseline


def depth_png16(unit: float) -> DepthFormat:
    """Return the format of a 16-bit PNG that holds depth / `unit`, metres; 0 and 65535 are unknown."""
    return _whole_numbers(_read_16, _write_16, unit, 2**16 - 1)


def depth_rgb24(farthest: float) -> DepthFormat:
    """Return the format of CARLA's depth camera, in 24 bits of an image, red lowest.

    Args:
        farthest: Metres that the largest number stands for; it and 0 are unknown.
    """
    return _whole_numbers(
        partial(read_rgb24, red="low"), partial(write_rgb24, red="low"), farthest / LARGEST, LARGEST
    )


def _whole_numbers(
    load: Callable[[Path], NDArray[np.integer]],
    store: Callable[[Path, NDArray[np.integer]], None],
    unit: float,
    unknown: int,
) -> DepthFormat:
    return DepthFormat(
        partial(_read_numbers, load, unit, unknown),
        partial(_write_numbers, store, unit, unknown),
        unit,
        unit * (unknown - 1),
    )


def _read_numbers(
    load: Callable[[Path], NDArray[np.integer]], unit: float, unknown: int, path: Path
) -> Depth:
    stored = load(path)
    return np.where(stored < unknown, stored * unit, np.inf)


def _write_numbers(
    store: Callable[[Path, NDArray[np.integer]], None], unit: float, unknown: int, path: Path, depth: Depth
) -> None:
    known = np.isfinite(depth)
    stored = np.round(np.where(known, depth, 0) / unit)
    too_far = int((stored >= unknown).sum())
    if too_far:
        log.warning(
            "%s: %d pixels put at %g m, the farthest it can store", path, too_far, unit * (unknown - 1)
        )
    store(path, np.where(known, np.clip(stored, 1, unknown - 1), unknown).astype(np.int64))


def _read_16(path: Path) -> NDArray[np.integer]:
    stored = read_grey(path)
    if stored.dtype != np.uint16:
        raise FormatError(f"{path}: a depth map of 16 bits was expected, not {stored.dtype}")
    return stored


def _write_16(path: Path, values: NDArray[np.integer]) -> None:
    write_image(path, values.astype(np.uint16))


def _write_npy(path: Path, depth: Depth) -> None:
    write_npy(path, depth.astype(np.float32))


def _read_bytes_of_float(path: Path) -> Depth:
    blue_first = read_channels(path, least=4)[..., [2, 1, 0, 3]]
    return np.ascontiguousarray(blue_first).view("<f4")[..., 0]


def _write_bytes_of_float(path: Path, depth: Depth) -> None:
    stored = np.ascontiguousarray(depth[..., None], "<f4").view(np.uint8)
    write_image(path, stored[..., [2, 1, 0, 3]])


DEPTH_NPY = DepthFormat(read_npy, _write_npy)  # metres, TartanAir
# The four bytes of a little-endian float32, in metres, in the channels blue, green, red, alpha: TartanAir V2.
DEPTH_FLOAT_PNG = DepthFormat(_read_bytes_of_float, _write_bytes_of_float)
