"""One surface of a scene: where it is, which part of it exists, and what it is made of."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.synthetic.geometry import Floats, Geometry
from dsmnet.synthetic.rig import Axes
from dsmnet.synthetic.texture import Bytes, Texture

FULL_SHADE = 128  # value of the shade channel that leaves a color as it is
BACKDROP = -1  # the body behind all others


class Stencil(NamedTuple):
    """The silhouette of a surface in left-view coordinates, and its shading.

    `coverage` and `shade` are rasters [h, w]; pixel (x, y) of the left view lies at
    ``((x - x0) * scale, (y - y0) * scale)`` in both. Coverage outside the raster is zero.
    """

    coverage: Bytes
    x0: float
    y0: float
    scale: float
    shade: Bytes | None = None

    def box(self) -> tuple[float, float, float, float]:
        """Return x0, y0, x1, y1 of the raster in left-view pixels."""
        height, width = self.coverage.shape
        return self.x0, self.y0, self.x0 + (width - 1) / self.scale, self.y0 + (height - 1) / self.scale

    def sample(self, x: Floats, y: Floats) -> tuple[Bytes, Bytes | None]:
        """Return coverage and shade [H, W] at left-view positions `x` [H, W] or [1, W] of rows `y` [H]."""
        u, v = np.empty((2, len(y), x.shape[1]), np.float32)
        u[:] = (x - np.float32(self.x0)) * np.float32(self.scale)
        v[:] = ((y - np.float32(self.y0)) * np.float32(self.scale))[:, None]
        coverage = np.asarray(cv2.remap(self.coverage, u, v, cv2.INTER_LINEAR), np.uint8)  # 0 outside
        if self.shade is None:
            return coverage, None
        shade = cv2.remap(self.shade, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return coverage, np.asarray(shade, np.uint8)


class Material(NamedTuple):
    """A texture with its colors and how it lies on a surface.

    Texel coordinates of pixel (x, y) with disparity d are ``axes @ (x, y, 1) / (d * grain) + offset``.
    """

    texture: Texture
    table: NDArray[np.uint32] | None  # [256], grey value -> packed R, G, B, shade; None: the tile has colors
    axes: Axes  # two rows of three
    grain: float  # size of a texel, in baselines
    offset: tuple[float, float] = (0.0, 0.0)
    lod: float | None = None  # pyramid level for the whole surface; None: chosen for every pixel


class Surface(NamedTuple):
    """A piece of the world. Surfaces of one `body` lie on the same geometry and never hide each other."""

    geometry: Geometry
    material: Material | None  # None: a shadow, which only darkens what is there
    stencil: Stencil | None = None  # None: the surface is everywhere
    body: int = 0
    shade: int = FULL_SHADE  # where the stencil has none
    on_body: bool = False  # a decal or shadow, seen only where its body already is

    def scaled(self, factor: float) -> Surface:
        """Return the surface as a camera with a baseline longer by `factor` sees it."""
        material = self.material and self.material._replace(grain=self.material.grain / factor)
        return self._replace(geometry=self.geometry.scaled(factor), material=material)

    def highest(self, width: int, height: int, limit: float) -> float:
        """Return the largest disparity that either view may show; a bound below `limit` is not refined."""
        a, b, c = self.geometry.plane
        bump = self.geometry.bump.reach() if self.geometry.bump else 0.0
        if self.stencil is None:
            edges = [
                (b * y + c + a * x) / scale
                for x in (0, width - 1)
                for y in (0, height - 1)
                for scale in (1, 1 - a)
            ]
            return max(edges) + bump
        left, top, right, bottom = self.stencil.box()
        bound = max(a * left, a * right) + max(b * top, b * bottom) + c + bump
        if bound < limit:
            return bound
        coverage, x0, y0, scale, _ = self.stencil
        x = x0 + np.arange(coverage.shape[1]) / scale
        y = y0 + np.arange(coverage.shape[0]) / scale
        disparity = a * x + (b * y + c)[:, None]
        seen = (coverage > 60) & (x > -1) & (x - disparity < width) & ((y > -1) & (y < height))[:, None]
        return float(np.max(disparity, where=seen, initial=0.0)) + bump

    def left_box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return x0, y0, x1, y1 in left-view pixels of what either view can show; the right sees further."""
        box = self.stencil.box() if self.stencil else (-math.inf, -math.inf, math.inf, math.inf)
        return max(box[0], 0.0), max(box[1], 0.0), min(box[2], 1.5 * width), min(box[3], height - 1.0)

    def view_box(self, right: bool, width: int, height: int) -> tuple[int, int, int, int]:
        """Return the columns x0:x1 and rows y0:y1 of one view that the surface may touch."""
        if self.stencil is None:
            return 0, width, 0, height
        x0, y0, x1, y1 = self.stencil.box()
        if right:
            a, b, c = self.geometry.plane
            top, bottom = b * max(y0, 0.0) + c, b * min(y1, height - 1.0) + c
            reach = self.geometry.bump.reach() if self.geometry.bump else 0.0
            x0, x1 = x0 - a * x0 - max(top, bottom) - reach, x1 - a * x1 - min(top, bottom) + reach
        return (
            max(math.floor(x0), 0),
            min(math.ceil(x1) + 1, width),
            max(math.floor(y0), 0),
            min(math.ceil(y1) + 1, height),
        )
