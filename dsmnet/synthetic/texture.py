"""Textures: tiles with their mipmaps, and how they lie on a surface; sampled without aliasing in any view."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.synthetic.alpha_masks import Bytes
from dsmnet.synthetic.geometry import Axes, Floats, Plane

TILE = 256  # texels along each side of a tile; a power of two, so that every level repeats exactly
_SOFTNESS = 0.25  # levels by which textures are softer than the pixel grid allows: cameras hardly alias
_FLATTENED = 3.0  # how much further a pixel may stretch between rows, on the ground, than along them
_LEVELS = 7
_PAD = 2  # texels repeated around a level, so that interpolation never meets its border
_NEAR_ZERO = 0.01  # pixels; guards divisions where a plane passes its horizon, which is never drawn


@dataclass(frozen=True)
class Mipmap:
    """A tile that repeats in both directions, halved again and again.

    Each level is padded by `_PAD` wrapped texels. A grey tile [h, w] is colored after sampling through a
    table; one with four channels [h, w, 4] carries its own colors.
    """

    levels: tuple[Bytes, ...]

    @classmethod
    def from_tile(cls, tile: Bytes) -> Mipmap:
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
        u, v = _wrap(u), _wrap(v)
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


class Texture(NamedTuple):
    """A mipmap with its colors and how it lies on a surface.

    Texel coordinates of pixel (x, y) with disparity d are ``axes @ (x, y, 1) / (d * grain) + offset``.
    """

    mipmap: Mipmap | None  # None: one color all over, that of grey value 0
    colors: NDArray[np.uint32] | None  # [256], grey value -> packed R, G, B, shade; None: the tile has colors
    axes: Axes  # two rows of three
    grain: float  # size of a texel, in baselines
    offset: tuple[float, float] = (0.0, 0.0)
    lod: float | None = None  # mipmap level for the whole surface; None: chosen for every pixel

    def paint(self, plane: Plane, x: Floats, ys: Floats, shade: Bytes | int) -> Bytes:
        """Return colors and shade [H, W, 4] at left-view positions `x` [H, W] or [1, W] of rows `ys`."""
        if self.mipmap is None:
            assert self.colors is not None
            plain = np.empty((len(ys), x.shape[1], 4), np.uint8)
            plain[...] = self.colors.view(np.uint8)[:4]
            plain[..., 3] = shade
            return plain
        sampled = self.mipmap.sample(*self._texels(plane, x, ys))
        if self.colors is None:
            sampled[..., 3] = shade
            return sampled
        colors = self.colors
        if isinstance(shade, int):
            colors = colors.copy()
            colors.view(np.uint8)[3::4] = shade
        packed = np.asarray(cv2.LUT(sampled, colors.view(np.int32)))  # whole pixels as numbers: a plain copy
        painted = packed.view(np.uint8).reshape(*sampled.shape, 4)
        if not isinstance(shade, int):
            cv2.insertChannel(shade, painted, 3)
        return painted

    def level_at(self, plane: Plane, x: float, y: float) -> float:
        """Return log2 of how many texels one pixel spans, and a little more for softness.

        Counted is the span along its row, or that between rows over `_FLATTENED` if more: aliasing between
        rows is alike in both views.
        """
        disparity = max(plane.at(x, y), 1e-3)
        (ax, ay, a1), (bx, by, b1) = self.axes
        first, second = (ax * x + ay * y + a1) / disparity, (bx * x + by * y + b1) / disparity
        along = math.hypot(ax - plane.a * first, bx - plane.a * second)
        across = math.hypot(ay - plane.b * first, by - plane.b * second)
        return math.log2(max(along, across / _FLATTENED) / (disparity * self.grain) + 1e-9) + _SOFTNESS

    def _texels(self, plane: Plane, x: Floats, ys: Floats) -> tuple[Floats, Floats, Floats | float]:
        """Return texel coordinates [H, W] and their level, functions of the left-view position alone.

        The level is that of `level_at`, per pixel where the texture leaves it open.
        """
        grain = self.grain
        if plane.a == plane.b == 0:
            inverse: Floats | np.float32 = np.float32(1 / (plane.c * grain))
        else:
            inverse = _linear((plane.a * grain, plane.b * grain, plane.c * grain), x, ys)
            np.maximum(inverse, np.float32(_NEAR_ZERO * grain), out=inverse)
            np.reciprocal(inverse, out=inverse)
        first, second = self.axes
        u, v = _linear(first, x, ys), _linear(second, x, ys)
        u *= inverse
        v *= inverse
        if self.lod is None:
            squared, across = self._span(0, plane.a, u, v), self._span(1, plane.b, u, v)
            across *= np.float32(_FLATTENED**-2)
            np.maximum(squared, across, out=squared)
            squared *= inverse * inverse
            squared += np.float32(1e-6)
            lod: Floats | float = np.log2(squared, out=squared)
            lod *= np.float32(0.5)
            lod += np.float32(_SOFTNESS)
        else:
            lod = self.lod
        u += np.float32(self.offset[0])
        v += np.float32(self.offset[1])
        return u, v, lod

    def _span(self, k: int, slope: float, u: Floats, v: Floats) -> Floats:
        """Return the squared slope of texel coordinates along axis `k`, times ``(d * grain) ** 2``."""
        per_texel = np.float32(slope * self.grain)
        du, dv = u * per_texel, v * per_texel
        np.subtract(np.float32(self.axes[0][k]), du, out=du)
        np.subtract(np.float32(self.axes[1][k]), dv, out=dv)
        du *= du
        dv *= dv
        du += dv
        return du


def _linear(row: tuple[float, float, float], x: Floats, ys: Floats) -> Floats:
    """Return ``row @ (x, y, 1)`` [H, W] for positions `x` [H, W] or [1, W] of rows `ys` [H]."""
    return x * np.float32(row[0]) + (ys * np.float32(row[1]) + np.float32(row[2]))[:, None]


def _wrap(coordinates: Floats) -> Floats:
    """Bring coordinates into (-1, TILE), keeping their fraction; the padding covers the part below zero."""
    whole = coordinates.astype(np.int32)  # cuts towards zero, hence the results in (-1, 0)
    whole &= -TILE
    result = whole.astype(np.float32)
    return np.subtract(coordinates, result, out=result)


def _span_of(mask: NDArray[np.bool_]) -> slice | None:
    """Return the range around the flags that are set in a row, or None where none is."""
    first = int(mask.argmax())
    return slice(first, len(mask) - int(mask[::-1].argmax())) if mask[first] else None
