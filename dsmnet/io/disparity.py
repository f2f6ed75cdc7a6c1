"""Disparity maps as files.

Maps are PFM (Middlebury, ETH3D, SceneFlow), 16-bit PNG (KITTI), or scaled 8-bit PNG or PGM (Middlebury 2001
to 2006). However a format marks pixels without ground truth (inf, nan, 0), in memory they are 0.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import FormatError, UserError
from dsmnet.io.decoding import LARGEST_DISPARITY, warn_once
from dsmnet.io.images import read_grey, write_image
from dsmnet.io.pfm import read_pfm, write_pfm
from dsmnet.types import Calibration, DisparityMap, Mask

log = logging.getLogger(__name__)

_KITTI_SCALE = 256.0


def read_disparity(path: Path | str, scale: float | None = None, min_disparity: float = 0) -> DisparityMap:
    """Read a disparity map: a ``.pfm``, or a ``.png`` or ``.pgm`` that holds pixels times `scale`.

    Unless given, `scale` is 256 for 16 bits (KITTI); for 8 bits it has to be (Middlebury 2006: 1, 2 or 3).
    Values below `min_disparity` count as unknown; only a PFM can hold negative ones.

    Raises:
        UserError: An 8-bit PNG without `scale`, or a PFM with one.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".pfm":
        if scale is not None:
            raise UserError(
                f"{path}: a PFM holds pixels, so it takes no scale, but scale={scale:g} was given"
            )
        return known_disparity(read_pfm(path), path, min_disparity)
    if suffix in (".png", ".pgm"):
        return _read_scaled_png(path, scale)
    raise FormatError(f"{path}: a disparity map was expected, as .pfm, .png or .pgm, not '{suffix}'")


def write_disparity_pfm(path: Path | str, disparity: NDArray[np.floating]) -> None:
    """Write a disparity map [H, W], pixels, as the benchmarks do: inf where it is unknown (0)."""
    write_pfm(path, np.where(disparity != 0, disparity, np.inf))


def write_disparity_png16(path: Path | str, disparity: NDArray[np.floating]) -> None:
    """Write a disparity map as KITTI does: a 16-bit PNG of 256 times it, cut to 255.996 px with a warning."""
    _write_scaled_png(path, disparity, _KITTI_SCALE, np.uint16)


def write_disparity_png8(path: Path | str, disparity: NDArray[np.floating], scale: float) -> None:
    """Write a disparity map as Middlebury 2006 does: an 8-bit PNG of `scale` times it, cut with a warning."""
    _write_scaled_png(path, disparity, scale, np.uint8)


@dataclass(frozen=True)
class DisparityCodec:
    """How a data set stores disparity, by functions that can be pickled: it travels to loading processes."""

    load: Callable[[Path], DisparityMap]
    store: Callable[[Path, DisparityMap], None]
    step: float = 0.0  # pixels between two neighbouring values that can be stored
    largest: float = math.inf  # pixels, the largest that can be stored
    signed: bool = False  # it can hold negative disparities, and `load` takes a `min_disparity`

    def read(self, path: Path, calibration: Calibration | None) -> DisparityMap:
        """Read a map; depth needs the calibration of the pair, other forms ignore it."""
        return self.load(path)

    def write(self, path: Path, disparity: DisparityMap, calibration: Calibration | None) -> None:
        """Write a map, 0 where it is unknown."""
        self.store(path, disparity)

    def steps(self, disparity: DisparityMap) -> DisparityMap:
        """Return the distance, pixels, between the values that can be stored around each of these."""
        return np.full_like(disparity, self.step)

    def beginning_at(self, min_disparity: int) -> DisparityCodec:
        """Return the codec that keeps disparities from `min_disparity` on, where its form can hold them."""
        if not (self.signed and min_disparity):
            return self
        load: Any = self.load
        return replace(self, load=partial(load, min_disparity=min_disparity))


PFM = DisparityCodec(read_disparity, write_disparity_pfm, signed=True)
PNG16 = DisparityCodec(read_disparity, write_disparity_png16, 1 / _KITTI_SCALE, 65535 / _KITTI_SCALE)


def png16(scale: float) -> DisparityCodec:
    """Return the codec of a 16-bit PNG that holds `scale` times the disparity."""
    write = partial(_write_scaled_png, scale=scale, dtype=np.uint16)
    return DisparityCodec(partial(_read_png16, scale), write, step=1 / scale, largest=65535 / scale)


def png8(scale: float) -> DisparityCodec:
    """Return the codec of an 8-bit PNG that holds `scale` times the disparity."""
    read, write = partial(read_disparity, scale=scale), partial(write_disparity_png8, scale=scale)
    return DisparityCodec(read, write, step=1 / scale, largest=255 / scale)


def eight_bits(scale: float) -> Calibration:
    """Return what is known of cameras without calibration: a bound on what 8 bits can store."""
    return Calibration(max_disparity=int(255 / scale) + 1)


def known_disparity(values: NDArray[np.floating], path: Path | str, min_disparity: float = 0) -> DisparityMap:
    """Put 0 where there is no disparity; refuse what is nan or negative all over and would come out empty.

    A map of which all is marked as unknown (inf, or 0 in a PNG) is no error: sparse ground truth may miss a
    crop. Negative disparities from `min_disparity` on are known, unless all are -1, a mark.
    """
    if values.ndim != 2:
        raise FormatError(f"{path}: {values.shape[2]} channels, where a disparity map has one")
    if (
        values.min() > max(0, min_disparity) and values.max() <= LARGEST_DISPARITY
    ):  # a rendered map is known everywhere
        return values.astype(np.float32, copy=False)
    negative = np.isfinite(values) & (values < 0)
    marks = min_disparity < 0 and bool((values[negative] == -1).all())
    lowest = 0 if marks else min_disparity
    known = (values >= lowest) & (values != 0) & (values <= LARGEST_DISPARITY)
    negative &= ~known
    if not known.any() and np.isnan(values).all():
        raise FormatError(f"{path}: every pixel is nan; disparities were expected")
    if not known.any() and negative.any():
        raise FormatError(
            f"{path}: all disparities are negative; positive ones were expected, or min_disparity="
            f"{math.floor(values[negative].min())}"
        )
    _warn_of_negative(values, known, negative, path, min_disparity)
    return np.where(known, values, 0).astype(np.float32, copy=False)


def _warn_of_negative(
    values: NDArray[Any], known: Mask, negative: Mask, path: Path | str, min_disparity: float
) -> None:
    """Say that disparities are left out; -1 all over a map is a mark of the unknown."""
    if (values[negative] != -1).any():
        count, total = int(negative.sum()), int(negative.sum() + known.sum())
        warn_once(
            ("negative", str(Path(path).parent)),
            "%s: %d of %d known disparities (%.0f %%) are negative and count as unknown, here and in other "
            "maps of its folder: the cameras converge, and matching begins at %s px; down to "
            "min_disparity=%d they are kept",
            *(path, count, total, 100 * count / total, min_disparity, math.floor(values[negative].min())),
        )


def read_16_bits(path: Path, what: str) -> NDArray[np.uint16]:
    """Read the stored values of a map of 16 bits."""
    stored = read_grey(path)
    if stored.dtype != np.uint16:
        raise FormatError(f"{path}: a {what} map of 16 bits was expected, not {stored.dtype}")
    return stored


def _read_png16(scale: float, path: Path) -> DisparityMap:
    return read_16_bits(path, "disparity").astype(np.float32) / np.float32(scale)


def _read_scaled_png(path: Path | str, scale: float | None) -> DisparityMap:
    stored = read_grey(path)
    if scale is None:
        if stored.dtype != np.uint16:
            raise UserError(
                f"{path}: an 8-bit PNG does not say what its values mean; a scale was expected, the stored "
                "value of one pixel of disparity (Middlebury 2006: 1, 2, 3 at full, half, third size)"
            )
        scale = _KITTI_SCALE
    return stored.astype(np.float32) / np.float32(check_scale(scale, path))


def check_scale(scale: float, path: Path | str) -> float:
    """Return a stored value of one pixel of disparity, or refuse it."""
    if not 1e-3 <= scale <= 1e6:
        raise UserError(f"{path}: scale={scale:g}, but a positive number was expected, of 0.001 to 1000000")
    return scale


def _write_scaled_png(path: Path | str, disparity: NDArray[np.floating], scale: float, dtype: Any) -> None:
    path = Path(path)
    largest = np.iinfo(dtype).max
    known = np.isfinite(disparity) & (disparity > 0)
    stored = np.round(np.where(known, disparity, 0.0) * scale)
    too_large = int((stored > largest).sum())
    if too_large:
        cut = largest / scale
        log.warning("%s: %d pixels cut to %.3f px, the largest it can store", path, too_large, cut)
    if (np.isfinite(disparity) & (disparity < 0)).any():
        warn_once(
            ("unsigned", str(path.parent.parent)),  # a result is written in a folder of its own first
            "%s: negative disparities, which no PNG holds, are stored as unknown, here and in other maps; a "
            ".pfm holds them",
            path.name,
        )
    # A known disparity below half a step would be stored as 0, which says unknown.
    write_image(path, np.where(known, np.clip(stored, 1, largest), 0).astype(dtype))
