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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsmnet.io.decoding import LARGEST_DISPARITY
from dsmnet.io.disparity import DisparityCodec, read_16_bits
from dsmnet.io.images import read_channels, write_image
from dsmnet.io.npy import read_npy, write_npy
from dsmnet.io.rgb24 import LARGEST, read_rgb24, write_rgb24
from dsmnet.types import Calibration, DisparityMap

log = logging.getLogger(__name__)

Depth = NDArray[np.floating]  # [H, W], metres; 0, inf or nan where unknown


@dataclass(frozen=True)
class DepthFormat:
    """How depth is stored: as the metres themselves, or as whole numbers of a `unit`."""

    load: Callable[[Path], NDArray[Any]]
    store: Callable[[Path, NDArray[Any]], None]
    unit: float = 0.0  # metres between two values that can be stored; 0 for floating point
    unknown: float = math.inf  # largest whole number; it and 0 are unknown

    def read(self, path: Path) -> Depth:
        """Read a map."""
        stored = self.load(path)
        return np.where(stored < self.unknown, stored * self.unit, np.inf) if self.unit else stored

    def write(self, path: Path, depth: Depth) -> None:
        """Write a map, inf where it is unknown."""
        self.store(path, self._whole_numbers(path, depth) if self.unit else depth)

    def _whole_numbers(self, path: Path, depth: Depth) -> NDArray[np.int64]:
        known, farthest = np.isfinite(depth), self.unknown - 1
        stored = np.round(np.where(known, depth, 0) / self.unit)
        too_far = int((stored > farthest).sum())
        if too_far:
            metres = self.unit * farthest
            log.warning("%s: %d pixels put at %g m, the farthest it can store", path, too_far, metres)
        return np.where(known, np.clip(stored, 1, farthest), self.unknown).astype(np.int64)


@dataclass(frozen=True)
class DepthCodec(DisparityCodec):
    """Disparity that is stored as depth, for the focal length and baseline of each pair.

    `rig`, of the smallest focal * baseline, only says how fine the disparities are that can be stored.
    """

    rig: Calibration | None = None
    unit: float = 0.0  # metres
    farthest: float = math.inf  # metres

    def read(self, path: Path, calibration: Calibration | None) -> DisparityMap:
        """See the base class."""
        calibration = calibration or Calibration()
        with np.errstate(invalid="ignore"):  # a nan of any kind is unknown
            depth = self.load(path).astype(np.float64)
        known = np.isfinite(depth) & (depth > 0)
        disparity = np.divide(_product(calibration), depth, out=np.zeros_like(depth), where=known)
        disparity = np.where(known, np.maximum(disparity - calibration.doffs, 0), 0)
        return np.where(disparity <= LARGEST_DISPARITY, disparity, 0).astype(np.float32)

    def write(self, path: Path, disparity: DisparityMap, calibration: Calibration | None) -> None:
        """See the base class."""
        calibration = calibration or Calibration()
        known = disparity > 0
        depth = _product(calibration) / np.where(known, disparity.astype(np.float64) + calibration.doffs, 1)
        self.store(path, np.where(known, depth, np.inf))

    def steps(self, disparity: DisparityMap) -> DisparityMap:
        """Return twice the largest error that storing the depth makes."""
        rig = self.rig or Calibration()
        product = _product(rig)
        total = disparity.astype(np.float64) + rig.doffs
        half = total * self.unit / 2
        rounding = 2 * total * half / np.maximum(product - half, half)
        beyond = 2 * (product / self.farthest - total)  # what lies too far is stored as the farthest
        floating = disparity * 2.0**-22  # two roundings to float32
        return (np.maximum(rounding, beyond) + floating).astype(np.float32)


def depth_codec(form: DepthFormat, rig: Calibration) -> DepthCodec:
    """Return the codec of disparity that is stored as depth in this form."""
    farthest = form.unit * (form.unknown - 1) if form.unit else math.inf
    return DepthCodec(form.read, form.write, rig=rig, unit=form.unit, farthest=farthest)


def depth_png16(unit: float) -> DepthFormat:
    """Return the format of a 16-bit PNG that holds depth / `unit`, metres; 0 and 65535 are unknown."""
    return DepthFormat(partial(read_16_bits, what="depth"), _write_16, unit, 2**16 - 1)


def depth_rgb24(farthest: float) -> DepthFormat:
    """Return the format of CARLA's depth camera, in 24 bits, red lowest, up to `farthest` metres."""
    read, write = partial(read_rgb24, red="low"), partial(write_rgb24, red="low")
    return DepthFormat(read, write, farthest / LARGEST, LARGEST)


def _product(calibration: Calibration) -> float:
    if calibration.focal is None or calibration.baseline is None:
        raise ValueError(f"focal and baseline are needed to turn depth into disparity: {calibration}")
    return calibration.focal * calibration.baseline


def _write_16(path: Path, values: NDArray[np.integer]) -> None:
    write_image(path, values.astype(np.uint16))


def _read_bytes_of_float(path: Path) -> Depth:
    blue_first = read_channels(path, least=4)[..., [2, 1, 0, 3]]
    return np.ascontiguousarray(blue_first).view("<f4")[..., 0]


def _write_bytes_of_float(path: Path, depth: Depth) -> None:
    stored = np.ascontiguousarray(depth[..., None], "<f4").view(np.uint8)
    write_image(path, stored[..., [2, 1, 0, 3]])


DEPTH_NPY = DepthFormat(read_npy, write_npy)  # metres, TartanAir
# The four bytes of a little-endian float32, in metres, in the channels blue, green, red, alpha: TartanAir V2.
DEPTH_FLOAT_PNG = DepthFormat(_read_bytes_of_float, _write_bytes_of_float)
