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

    Each level is padded by `_PAD` wrapped texels. A grey tile [h, w] is coloured after sampling through a
    table; one with four channels [h, w, 4] carries its own colours.
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
        for level in range(low, high + 1):
            weight = np.maximum(1 - np.abs(lod - np.float32(level)), 0)
            box = bounding_box(weight > 0)
            if box is not None:
                part = weight[box] if not channels else weight[box][..., None]
                total[box] += part * self._level(u[box], v[box], level)
        return (total + np.float32(0.5)).astype(np.uint8)

    def _level(self, u: Floats, v: Floats, level: int) -> Bytes:
        if level:
            scale = np.float32(0.5**level)
            shift = np.float32(0.5 * 0.5**level - 0.5)
            u, v = u * scale + shift, v * scale + shift
        return np.asarray(
            cv2.remap(
                self.levels[level], u + _PAD, v + _PAD, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
        )


def wrap(coordinates: Floats) -> Floats:
    """Bring coordinates into (-1, TILE), keeping their fraction; the padding covers the part below zero."""
    whole = coordinates.astype(np.int32)  # cuts towards zero, hence the results in (-1, 0)
    whole &= -TILE
    return coordinates - whole.astype(np.float32)


def bounding_box(mask: NDArray[np.bool_]) -> Box | None:
    """Return rows and columns around what is set, all of them in a small mask, or None where nothing is."""
    if mask.size < _SMALL:
        return (slice(0, mask.shape[0]), slice(0, mask.shape[1])) if mask.any() else None
    rows = mask.any(axis=1).nonzero()[0]
    if not len(rows):
        return None
    columns = mask.any(axis=0).nonzero()[0]
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
