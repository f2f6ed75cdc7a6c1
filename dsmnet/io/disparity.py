"""Disparity maps and non-occluded masks as files.

Maps are PFM (Middlebury, ETH3D, SceneFlow), 16-bit PNG (KITTI), or scaled 8-bit PNG or PGM (Middlebury 2001
to 2006). However a format marks pixels without ground truth (inf, nan, 0), in memory they are 0.
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

from dsmnet.errors import FormatError, UserError
from dsmnet.io.decoding import LARGEST_DISPARITY, warn_once
from dsmnet.io.images import read_grey, write_image
from dsmnet.io.pfm import read_pfm, write_pfm
from dsmnet.types import Calibration, DisparityMap, Mask

log = logging.getLogger(__name__)

_KITTI_SCALE = 256.0


def read_disparity(path: Path | str, scale: float | None = None) -> DisparityMap:
    """Read a disparity map, its format told by the suffix and the bit depth.

    Args:
        path: A ``.pfm`` (pixels), or a ``.png`` or ``.pgm`` that holds pixels times `scale`.
        scale: Stored value of one pixel of disparity, for a PNG. Unless given, 256 for 16 bits (KITTI); it
            has to be given for 8 bits (Middlebury 2006: 1, 2 or 3 at full, half or third size).

    Returns:
        float32 [H, W], pixels; 0 where unknown.

    Raises:
        FormatError: The file is not a whole disparity map, or holds negative disparities or nan only.
        UserError: An 8-bit PNG without `scale`, or a PFM with one.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".pfm":
        if scale is not None:
            raise UserError(
                f"{path}: a PFM holds pixels, so it takes no scale, but scale={scale:g} was given"
            )
        return known_disparity(read_pfm(path), path)
    if suffix in (".png", ".pgm"):
        return _read_scaled_png(path, scale)
    raise FormatError(f"{path}: a disparity map was expected, as .pfm, .png or .pgm, not '{suffix}'")


def write_disparity_pfm(path: Path | str, disparity: NDArray[np.floating]) -> None:
    """Write a disparity map [H, W], pixels, as the benchmarks do: inf where it is unknown (0)."""
    write_pfm(path, np.where(disparity > 0, disparity, np.inf))


def write_disparity_png16(path: Path | str, disparity: NDArray[np.floating]) -> None:
    """Write a disparity map [H, W], pixels, as KITTI does: a 16-bit PNG of 256 times it, 0 unknown.

    Steps are 1/256 px. The format ends at 255.996 px: what is larger is cut to that, with a warning.
    """
    _write_scaled_png(path, disparity, _KITTI_SCALE, np.uint16)


def write_disparity_png8(path: Path | str, disparity: NDArray[np.floating], scale: float) -> None:
    """Write a disparity map [H, W], pixels, as Middlebury 2006 does: `scale` times it, 8-bit PNG, 0 unknown.

    What is larger than 255 / scale px is cut to that, with a warning.
    """
    _write_scaled_png(path, disparity, scale, np.uint8)


@dataclass(frozen=True)
class DisparityCodec:
    """How a data set stores disparity. Depth needs the calibration of the pair; other forms ignore it."""

    read: Callable[[Path, Calibration | None], DisparityMap]
    write: Callable[[Path, DisparityMap, Calibration | None], None]
    # Pixels between two neighbouring values that can be stored, or how that follows from the disparity.
    step: float | Callable[[DisparityMap], DisparityMap] = 0.0
    largest: float = math.inf  # pixels, the largest that can be stored

    @classmethod
    def plain(
        cls,
        read: Callable[[Path], DisparityMap],
        write: Callable[[Path, DisparityMap], None],
        step: float = 0,
        largest: float = math.inf,
    ) -> DisparityCodec:
        """Return a codec of a form that needs no calibration."""
        return cls(partial(_read_plain, read), partial(_write_plain, write), step, largest)

    def steps(self, disparity: DisparityMap) -> DisparityMap:
        """Return the distance, pixels, between the values that can be stored around each of these."""
        if callable(self.step):
            return self.step(disparity)
        return np.full_like(disparity, self.step)


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


# Functions, not lambdas: a data set travels to loading processes, and what travels is pickled.
def _read_plain(read: Callable[[Path], DisparityMap], path: Path, _: Calibration | None) -> DisparityMap:
    return read(path)


def _write_plain(
    write: Callable[[Path, DisparityMap], None], path: Path, disparity: DisparityMap, _: Calibration | None
) -> None:
    write(path, disparity)


def _read_noc_disparity(path: Path) -> Mask:
    return read_disparity(path) > 0


def _write_noc_disparity(path: Path, disparity: DisparityMap, noc: Mask) -> None:
    write_disparity_png16(path, np.where(noc, disparity, 0.0))


def _read_noc_mask(path: Path) -> Mask:
    mask = read_grey(path)
    if mask.dtype != np.uint8:
        raise FormatError(f"{path}: a mask of 8 bits was expected, not {mask.dtype}")
    return np.asarray(mask == 255)


def _write_noc_mask(path: Path, disparity: DisparityMap, noc: Mask) -> None:
    write_image(path, np.where(noc, 255, np.where(disparity > 0, 128, 0)).astype(np.uint8))


PFM = DisparityCodec.plain(read_disparity, write_disparity_pfm)
PNG16 = DisparityCodec.plain(read_disparity, write_disparity_png16, 1 / _KITTI_SCALE, 65535 / _KITTI_SCALE)
NOC_DISPARITY = NocCodec(
    _read_noc_disparity, _write_noc_disparity
)  # KITTI: a second map, of these pixels only
NOC_MASK = NocCodec(
    _read_noc_mask, _write_noc_mask
)  # Middlebury, ETH3D: 255 seen by both, 128 by the left only


def _read_object_map(path: Path) -> Mask:
    return np.asarray(read_grey(path) > 0)


def _write_object_map(path: Path, mask: Mask) -> None:
    write_image(path, mask.astype(np.uint8))


OBJECT_MAP = MaskCodec(
    _read_object_map, _write_object_map
)  # KITTI 2015: 0 background, else an object's number


def png16(scale: float) -> DisparityCodec:
    """Return the codec of a 16-bit PNG that holds `scale` times the disparity."""
    read = partial(_read_png16, scale)
    write = partial(_write_scaled_png, scale=scale, dtype=np.uint16)
    return DisparityCodec.plain(read, write, step=1 / scale, largest=65535 / scale)


def png8(scale: float) -> DisparityCodec:
    """Return the codec of an 8-bit PNG that holds `scale` times the disparity."""
    read, write = partial(read_disparity, scale=scale), partial(write_disparity_png8, scale=scale)
    return DisparityCodec.plain(read, write, step=1 / scale, largest=255 / scale)


def eight_bits(scale: float) -> Calibration:
    """Return what is known of cameras without calibration: a bound on what 8 bits can store."""
    return Calibration(max_disparity=int(255 / scale) + 1)


def known_disparity(values: NDArray[np.floating], path: Path | str) -> DisparityMap:
    """Put 0 where there is no disparity; refuse what is nan or negative all over and would come out empty.

    A map of which all is marked as unknown (inf, or 0 in a PNG) is no error: sparse ground truth may miss a
    crop.
    """
    if values.ndim != 2:
        raise FormatError(f"{path}: {values.shape[2]} channels, where a disparity map has one")
    if values.min() > 0 and values.max() <= LARGEST_DISPARITY:  # a rendered map is known everywhere
        return values.astype(np.float32, copy=False)
    known = (values > 0) & (values <= LARGEST_DISPARITY)
    if not known.any() and np.isnan(values).all():
        raise FormatError(f"{path}: every pixel is nan; disparities were expected")
    negative = np.isfinite(values) & (values < 0)
    if not known.any() and negative.any():
        raise FormatError(f"{path}: all disparities are negative; positive ones were expected")
    _warn_of_negative(values, known, negative, path)
    return np.where(known, values, 0).astype(np.float32, copy=False)


def _warn_of_negative(values: NDArray[Any], known: Mask, negative: Mask, path: Path | str) -> None:
    """Say that disparities are left out; a single negative value in a map is a mark of the unknown."""
    if negative.any() and np.ptp(values[negative]) > 0:
        count, total = int(negative.sum()), int(negative.sum() + known.sum())
        warn_once(
            ("negative", str(Path(path).parent)),
            "%s: %d of %d known disparities (%.0f %%) are negative and count as unknown, here and in other "
            "maps of its folder: the cameras converge, and matching begins at 0 px",
            *(path, count, total, 100 * count / total),
        )


def _read_png16(scale: float, path: Path) -> DisparityMap:
    stored = read_grey(path)
    if stored.dtype != np.uint16:
        raise FormatError(f"{path}: a disparity map of 16 bits was expected, not {stored.dtype}")
    return stored.astype(np.float32) / np.float32(scale)


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
    """Return the stored value of one pixel of disparity.

    Raises:
        UserError: It is none.
    """
    if not 1e-3 <= scale <= 1e6:
        raise UserError(f"{path}: scale={scale:g}, but a positive number was expected, of 0.001 to 1000000")
    return scale


def _write_scaled_png(path: Path | str, disparity: NDArray[np.floating], scale: float, dtype: Any) -> None:
    largest = np.iinfo(dtype).max
    known = np.isfinite(disparity) & (disparity > 0)
    stored = np.round(np.where(known, disparity, 0.0) * scale)
    too_large = int((stored > largest).sum())
    if too_large:
        log.warning(
            "%s: %d pixels cut to %.3f px, the largest it can store", path, too_large, largest / scale
        )
    # A known disparity below half a step would be stored as 0, which says unknown.
    write_image(path, np.where(known, np.clip(stored, 1, largest), 0).astype(dtype))
