"""One surface of a scene: where it is, which part of it exists, and what it is made of."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from dsmnet.synthetic.alpha_masks import AlphaMask, Bounds
from dsmnet.synthetic.geometry import Geometry
from dsmnet.synthetic.texture import Texture

FULL_SHADE = 128  # value of the shade channel that leaves a color as it is
BACKDROP = -1  # the body behind all others


class Surface(NamedTuple):
    """A piece of the world. Surfaces of one `body` lie on the same geometry and never hide each other."""

    geometry: Geometry
    texture: Texture | None  # None: a shadow, which only darkens the surface below it
    mask: AlphaMask | None = None  # None: the surface is everywhere
    body: int = 0
    shade: int = FULL_SHADE  # where the mask has none
    on_body: bool = False  # a decal or shadow, seen only where its body already is

    def scaled(self, factor: float) -> Surface:
        """Return the surface as a camera with a baseline longer by `factor` sees it."""
        texture = self.texture and self.texture._replace(grain=self.texture.grain / factor)
        return self._replace(geometry=self.geometry.scaled(factor), texture=texture)

    def highest(self, width: int, height: int, limit: float) -> float:
        """Return the largest disparity that either view may show; a bound below `limit` is not refined."""
        a, b, c = self.geometry.plane
        bump = self.geometry.bump.height() if self.geometry.bump else 0.0
        if self.mask is None:
            corners = [(x, y) for x in (0, width - 1) for y in (0, height - 1)]
            return max((b * y + c + a * x) / scale for x, y in corners for scale in (1, 1 - a)) + bump
        left, top, right, bottom = self.mask.box()
        bound = max(a * left, a * right) + max(b * top, b * bottom) + c + bump
        if bound < limit:
            return bound
        coverage, scale = self.mask.coverage, self.mask.scale
        x = self.mask.x0 + np.arange(coverage.shape[1]) / scale
        y = self.mask.y0 + np.arange(coverage.shape[0]) / scale
        disparity = a * x + (b * y + c)[:, None]
        seen = (coverage > 60) & (x > -1) & (x - disparity < width) & ((y > -1) & (y < height))[:, None]
        return float(np.max(disparity, where=seen, initial=0.0)) + bump

    def left_box(self, width: int, height: int) -> Bounds:
        """Return the bounds, in left-view pixels, within either view; the right one sees further right."""
        box = self.mask.box() if self.mask else (-math.inf, -math.inf, math.inf, math.inf)
        return max(box[0], 0.0), max(box[1], 0.0), min(box[2], 1.5 * width), min(box[3], height - 1.0)

    def view_box(self, right: bool, width: int, height: int) -> tuple[int, int, int, int]:
        """Return the columns x0:x1 and rows y0:y1 of one view that the surface may touch."""
        if self.mask is None:
            return 0, width, 0, height
        x0, y0, x1, y1 = self.mask.box()
        if right:
            a, b, c = self.geometry.plane
            top, bottom = b * max(y0, 0.0) + c, b * min(y1, height - 1.0) + c
            bump = self.geometry.bump.height() if self.geometry.bump else 0.0
            x0, x1 = x0 - a * x0 - max(top, bottom) - bump, x1 - a * x1 - min(top, bottom) + bump
        columns = max(math.floor(x0), 0), min(math.ceil(x1) + 1, width)
        return *columns, max(math.floor(y0), 0), min(math.ceil(y1) + 1, height)
