"""Drawing surfaces into the two views, with a z-test, and the occlusion mask between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.synthetic.alpha_masks import Bytes
from dsmnet.synthetic.geometry import Floats
from dsmnet.synthetic.scene import BACKDROP, FULL_SHADE, Surface
from dsmnet.types import DisparityMap, Image, Mask

Box = tuple[slice, slice]  # rows, columns

_VISIBLE = 6  # of 255: coverage below this is not drawn
_SOLID = 250  # coverage from this on needs no blending
_HALF = 127  # above this coverage, a surface has the larger part of a pixel
_SMALL = 1200  # pixels; handling one array operation costs as much as so many pixels do
_TOLERANCE = 1.0  # pixels of disparity: a surface less far in front hides a strip less than a pixel wide


class Patch(NamedTuple):
    """The part of a surface that falls on a box of a view."""

    box: Box  # of the view
    x: Floats  # [h, w] or [1, w] where all rows are equal, columns of the left view
    ys: Floats  # [h]
    disparity: Floats  # [h, w]
    visible: Mask  # [h, w], passed the z-test so far
    coverage: Bytes | None = None  # [h, w]
    shade: Bytes | None = None  # [h, w]

    def narrowed(self) -> Patch | None:
        """Return the part around the visible pixels, or None where there are none."""
        x, y, width, height = cv2.boundingRect(self.visible.view(np.uint8))
        if not width:
            return None
        if self.visible.size < _SMALL or self.visible.shape == (height, width):
            return self
        inner = slice(y, y + height), slice(x, x + width)
        coverage, shade = (None if p is None else p[inner] for p in (self.coverage, self.shade))
        xs = self.x[inner] if len(self.x) > 1 else self.x[:, inner[1]]
        top, left = self.box[0].start + y, self.box[1].start + x
        box = slice(top, top + height), slice(left, left + width)
        return Patch(box, xs, self.ys[inner[0]], self.disparity[inner], self.visible[inner], coverage, shade)


class View:
    """The buffers of one view: the nearest disparity, its body and its color at every pixel."""

    def __init__(self, width: int, height: int, right: bool) -> None:
        self.width, self.height, self.right = width, height, right
        self.disparity: DisparityMap = np.zeros((height, width), np.float32)  # nothing at or beyond infinity
        self.body = np.full((height, width), BACKDROP, np.int32)
        self.color: Bytes = np.zeros((height, width, 4), np.uint8)  # R, G, B, shade

    def draw(self, surfaces: Sequence[Surface]) -> None:
        """Draw surfaces, each wherever it is in front of those drawn before; those without limits first.

        They are painted after all of them have passed the z-test, and only where no later one covers them
        wholly: most pixels are painted once. Translucent ones come last, when all behind them is there.
        """
        last = np.full(self.body.shape, -1, np.int32)  # which surface covers a pixel wholly, the last of them
        patches: list[tuple[Surface, Patch]] = []
        for surface in sorted(surfaces, key=lambda s: (s.opacity < 1, s.mask is not None)):
            patch = self._project(surface)
            if patch is None:
                continue
            if surface.texture is not None:
                self._claim(surface, patch)
            if surface.opacity < 1 and patch.coverage is not None:
                patch = patch._replace(coverage=(patch.coverage * surface.opacity).astype(np.uint8))
            if surface.texture is not None:
                _assign(last[patch.box], len(patches), _solid(patch))
            patches.append((surface, patch))
        for k, (surface, patch) in enumerate(patches):
            uncovered = patch.visible & (last[patch.box] <= k)
            kept = patch._replace(visible=uncovered).narrowed()
            if kept is None:
                continue
            if surface.texture is None:
                self._darken(kept, surface.shade)
            else:
                shade = surface.shade if kept.shade is None else kept.shade
                color = surface.texture.paint(surface.geometry.plane, kept.x, kept.ys, shade)
                self._composite(kept, color)

    def _project(self, surface: Surface) -> Patch | None:
        """Return where the surface falls and passes the z-test, or None where nowhere."""
        x0, x1, y0, y1 = surface.view_box(self.right, self.width, self.height)
        if x0 >= x1 or y0 >= y1:
            return None
        box = slice(y0, y1), slice(x0, x1)
        xs, ys = np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32)
        x, disparity = (surface.geometry.right if self.right else surface.geometry.left)(xs, ys)
        in_front = disparity >= self.disparity[box]
        visible = self.body[box] == surface.body if surface.on_body else in_front
        patch = Patch(box, x, ys, disparity, visible).narrowed()
        if patch is None or surface.mask is None:
            return patch
        coverage, shade = surface.mask.sample(patch.x, patch.ys)
        visible = patch.visible & (coverage > _VISIBLE)
        return patch._replace(visible=visible, coverage=coverage, shade=shade).narrowed()

    def _claim(self, surface: Surface, patch: Patch) -> None:
        """Write disparity and body where the surface has the larger part of a pixel."""
        front = patch.visible if patch.coverage is None else patch.visible & (patch.coverage > _HALF)
        cv2.copyTo(patch.disparity, front.view(np.uint8), self.disparity[patch.box])
        _assign(self.body[patch.box], surface.body, front)

    def _darken(self, patch: Patch, depth: int) -> None:
        assert patch.coverage is not None
        factor = 1 - patch.coverage.astype(np.float32) * np.float32((1 - depth / FULL_SHADE) / 255)
        shade = self.color[patch.box][..., 3]
        np.copyto(shade, (shade * factor).astype(np.uint8), where=patch.visible)

    def _composite(self, patch: Patch, color: Bytes) -> None:
        """Write colors [h, w, 4], blended with what was there where coverage is partial."""
        region = self.color[patch.box]
        solid = _solid(patch)
        cv2.copyTo(color, solid.view(np.uint8), region)
        if patch.coverage is None:
            return
        edge = (patch.visible & ~solid).nonzero()
        if len(edge[0]):
            alpha = patch.coverage[edge].astype(np.float32)[:, None] / np.float32(255)
            behind = region[edge].astype(np.float32)
            region[edge] = (behind + (color[edge] - behind) * alpha + np.float32(0.5)).astype(np.uint8)

    def brightness(self) -> float:
        """Return the mean of colors times shade, 0..255."""
        sparse = self.color[::4, ::4].astype(np.float32)
        return float((sparse[..., :3] * sparse[..., 3:]).mean()) / FULL_SHADE

    def image(self, exposure: float = 1.0) -> Image:
        """Return the picture [H, W, 3]: colors times shade times exposure, clipped at white."""
        shade = cv2.extractChannel(self.color, 3)
        color = cv2.cvtColor(self.color, cv2.COLOR_RGBA2RGB)
        return np.asarray(cv2.multiply(color, cv2.merge([shade] * 3), scale=exposure / FULL_SHADE))


def _solid(patch: Patch) -> Mask:
    """Return where the surface needs no blending."""
    return patch.visible if patch.coverage is None else patch.visible & (patch.coverage >= _SOLID)


def _assign(target: NDArray[np.int32], value: int, where: Mask) -> None:
    """Write a number wherever a mask is set; NumPy's own way takes many times as long."""
    cv2.copyTo(np.full(target.shape, value, np.int32), where.view(np.uint8), target)


def non_occluded(left: View, right: View) -> Mask:
    """Return where the left pixel's point falls on a right pixel that shows nothing in front of it.

    Pixel (x, y) with disparity d falls on the right pixel nearest to (x - d, y). Surfaces never fold over
    themselves, so meeting the same body again means seeing the same point.
    """
    height, width = left.disparity.shape
    x = np.arange(width, dtype=np.float32) - left.disparity
    column = np.rint(x).astype(np.intp)
    inside = (column >= 0) & (column < width)
    np.clip(column, 0, width - 1, out=column)
    flat = column + np.arange(height, dtype=np.intp)[:, None] * width
    same = right.body.ravel().take(flat) == left.body
    behind = right.disparity.ravel().take(flat) <= left.disparity + np.float32(_TOLERANCE)
    return np.asarray(inside & (same | behind))
