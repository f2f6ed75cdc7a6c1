"""Textures as tiles with their pyramid, sampled at any coordinates without aliasing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Box = tuple[slice, slice]  # rows, columns

TILE = 256  # texels along each side of a tile; a power of two, so that every level repeats exactly
SOFTNESS = 0.25  # levels by which textures are softer than the pixel grid allows: cameras hardly alias
FLATTENED = 3.0  # how much further a pixel may reach between rows, on the ground, than along them
_LEVELS = 7
_SMALL = 1200  # pixels; handling one array operation costs as much as so many pixels do
_PAD = 2  # texels repeated around a level, so that interpolation never meets its border


@dataclass(frozen=True)
class Texture:
    """A tile that repeats in both directions, halved again and again.

    Each level is padded by `_PAD` wrapped texels. A grey tile [h, w] is colored after sampling through a
    table; one with four channels [h, w, 4] carries its own colors.
    """

    levels: tuple[Bytes, ...]

    @classmethod
    def from_tile(cls, tile: Bytes) -> Texture:
        """Build the pyramid of a tile [TILE, TILE] or [TILE, TILE, 4] whose opposite edges fit together."""
        levels = []
        for _ in range(_LEVELS):
            padded = cv2.copyMakeBorder(tile, _PAD, _PAD, _PAD, _PAD, cv2.BORDER_WRAP)
            levels.append(np.asarray(padded, np.uint8))
            halved = cv2.resize(tile, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            tile = np.asarray(halved, np.uint8)
        return cls(tuple(levels))

    def sample(self, u: Floats, v: Floats, lod: Floats | float) -> Bytes:
        """Interpolate at texel coordinates; `lod` is log2 of the texels that one pixel spans.

        One level serves where `lod` is a number, otherwise the two nearest levels are blended per pixel.
        """
        u, v = wrap(u), wrap(v)
        if isinstance(lod, float):
            return self._level(u, v, min(max(round(lod), 0), _LEVELS - 1))
        lod = np.clip(lod, 0, _LEVELS - 1)
        low, high = math.floor(float(lod.min())), math.ceil(float(lod.max()))
        if low == high:
            return self._level(u, v, low)
        channels = self.levels[0].shape[2:]
        total = np.zeros(u.shape + channels, np.float32)
        ranges = [(lod.min(axis=axis), lod.max(axis=axis)) for axis in (1, 0)]  # of rows, of columns
        for level in range(low, high + 1):
            rows, columns = (_span_of((least < level + 1) & (most > level - 1)) for least, most in ranges)
            if rows is None or columns is None:
                continue
            weight = lod[rows, columns] - np.float32(level)
            np.abs(weight, out=weight)
            np.subtract(1, weight, out=weight)
            np.maximum(weight, 0, out=weight)
            sampled = self._level(u[rows, columns], v[rows, columns], level)
            total[rows, columns] += (weight[..., None] if channels else weight) * sampled
        total += np.float32(0.5)
        return total.astype(np.uint8)

    def _level(self, u: Floats, v: Floats, level: int) -> Bytes:
        if level:
            scale = np.float32(0.5**level)
            shift = np.float32(0.5 * 0.5**level - 0.5)
            u, v = u * scale, v * scale
            u += shift
            v += shift
            u += _PAD
            v += _PAD
        else:
            u, v = u + _PAD, v + _PAD
        tile = self.levels[level]
        return np.asarray(cv2.remap(tile, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def wrap(coordinates: Floats) -> Floats:
    """Bring coordinates into (-1, TILE), keeping their fraction; the padding covers the part below zero."""
    whole = coordinates.astype(np.int32)  # cuts towards zero, hence the results in (-1, 0)
    whole &= -TILE
    result = whole.astype(np.float32)
    return np.subtract(coordinates, result, out=result)


def _span_of(mask: NDArray[np.bool_]) -> slice | None:
    """Return the range around what is set in a row of flags, or None where nothing is."""
    first = int(mask.argmax())
    return slice(first, len(mask) - int(mask[::-1].argmax())) if mask[first] else None


def bounding_box(mask: NDArray[np.bool_]) -> Box | None:
    """Return rows and columns around what is set, all of them in a small mask, or None where nothing is."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    if not width:
        return None
    if mask.size < _SMALL:
        return slice(0, mask.shape[0]), slice(0, mask.shape[1])
    return slice(y, y + height), slice(x, x + width)
