"""Drawing surfaces into the two views with a z-test, and reading off what each view hides from the other."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.data.synthetic.geometry import Floats
from dsmnet.data.synthetic.rig import Plane
from dsmnet.data.synthetic.surface import FULL_SHADE, Material, Surface
from dsmnet.data.synthetic.texture import FLATTENED, SOFTNESS, Box, Bytes, bounding_box
from dsmnet.protocols import DisparityMap, Image, Mask

_VISIBLE = 6  # of 255: coverage below this is not drawn
_SOLID = 250  # coverage from this on needs no blending
_NEAR_ZERO = 0.01  # pixels; guards divisions where a plane passes its horizon, which is never drawn


@dataclass
class View:
    """The buffers of one view while it is drawn."""

    width: int
    height: int
    right: bool
    disparity: DisparityMap = field(init=False)
    body: NDArray[np.int32] = field(init=False)
    colour: Bytes = field(init=False)  # [H, W, 4]: R, G, B, shade

    def __post_init__(self) -> None:
        size = (self.height, self.width)
        self.disparity = np.full(size, -1, np.float32)
        self.body = np.full(size, -1, np.int32)
        self.colour = np.zeros((*size, 4), np.uint8)

    def draw(self, surface: Surface) -> None:
        """Draw a surface wherever it is in front of, or on, what was drawn before."""
        x0, x1, y0, y1 = surface.view_box(self.right, self.width, self.height)
        if x0 >= x1 or y0 >= y1:
            return
        area = slice(y0, y1), slice(x0, x1)
        xs, ys = np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32)
        x, disparity = (surface.geometry.right if self.right else surface.geometry.left)(xs, ys)
        in_front = disparity >= self.disparity[area]
        visible = self.body[area] == surface.body if surface.on_body else in_front
        box = bounding_box(visible)
        if box is None:
            return
        x, ys, visible = x[box], ys[box[0]], visible[box]
        if surface.stencil is None:
            self._paint(surface, _within(area, box), (x, ys), disparity[box], visible, None, None)
            return
        coverage, shade = surface.stencil.sample(x, ys)
        visible &= coverage > _VISIBLE
        inner = bounding_box(visible)
        if inner is None:
            return
        target, visible, coverage = _within(_within(area, box), inner), visible[inner], coverage[inner]
        if surface.material is None:
            self._darken(target, visible, coverage, surface.shade)
            return
        shade = None if shade is None else shade[inner]
        self._paint(
            surface, target, (x[inner], ys[inner[0]]), disparity[box][inner], visible, coverage, shade
        )

    def _paint(
        self, surface: Surface, box: Box, place: tuple[Floats, Floats], disparity: Floats, visible: Mask,
        coverage: Bytes | None, shade: Bytes | None,
    ) -> None:  # fmt: skip
        """Write a surface into the part `box` of the buffers, where it is visible."""
        self._composite(box, visible, coverage, paint(surface, *place, shade))
        front = visible if coverage is None else visible & (coverage > 127)
        np.copyto(self.disparity[box], disparity, where=front)
        np.copyto(self.body[box], surface.body, where=front)

    def _darken(self, box: Box, visible: Mask, coverage: Bytes, depth: int) -> None:
        factor = 1 - coverage.astype(np.float32) * np.float32((1 - depth / FULL_SHADE) / 255)
        shade = self.colour[box][..., 3]
        np.copyto(shade, (shade * factor).astype(np.uint8), where=visible)

    def _composite(self, box: Box, visible: Mask, coverage: Bytes | None, colour: Bytes) -> None:
        target = self.colour.view(np.uint32)[..., 0][box]
        if coverage is not None:
            coverage = np.ascontiguousarray(coverage)
        packed = colour.view(np.uint32)[..., 0]
        if coverage is None:
            np.copyto(target, packed, where=visible)
            return
        solid = coverage >= _SOLID
        np.copyto(target, packed, where=visible & solid)
        edge = np.flatnonzero(visible & ~solid)
        if len(edge):
            rows, columns = np.divmod(edge, visible.shape[1])
            alpha = coverage.ravel()[edge].astype(np.float32)[:, None] / np.float32(255)
            behind = self.colour[box][rows, columns]
            blend = behind + (colour.reshape(-1, 4)[edge] - behind.astype(np.float32)) * alpha
            self.colour[box][rows, columns] = (blend + np.float32(0.5)).astype(np.uint8)

    def brightness(self) -> float:
        """Return the mean of colours times shade, 0..255."""
        sparse = self.colour[::4, ::4].astype(np.float32)
        return float((sparse[..., :3] * sparse[..., 3:]).mean()) / FULL_SHADE

    def image(self, exposure: float = 1.0) -> Image:
        """Return the picture [H, W, 3]: colours times shade times exposure, clipped at white."""
        shade = cv2.extractChannel(self.colour, 3)
        colour = cv2.cvtColor(self.colour, cv2.COLOR_RGBA2RGB)
        return np.asarray(cv2.multiply(colour, cv2.merge([shade] * 3), scale=exposure / FULL_SHADE))


def _within(box: Box, inner: Box) -> Box:
    """Return a part of a box, given relative to that, relative to what the box is relative to."""
    (rows, columns), (r, c) = box, inner
    return (
        slice(rows.start + r.start, rows.start + r.stop),
        slice(columns.start + c.start, columns.start + c.stop),
    )


def paint(surface: Surface, x: Floats, ys: Floats, shade: Bytes | None) -> Bytes:
    """Return colours and shade [H, W, 4] of a surface at left-view positions `x` [H, W] of rows `ys`."""
    material = surface.material
    assert material is not None
    u, v, lod = texel_coordinates(surface.geometry.plane, material, x, ys)
    sampled = material.texture.sample(u, v, lod)
    if material.table is not None:
        sampled = np.take(material.table, sampled).view(np.uint8).reshape(*sampled.shape, 4)
    sampled[..., 3] = surface.shade if shade is None else shade
    return sampled


def texel_coordinates(
    plane: Plane, material: Material, x: Floats, ys: Floats
) -> tuple[Floats, Floats, Floats | float]:
    """Return texel coordinates and level of detail, functions of the left-view position alone.

    The level is that of `level_of_detail`, per pixel where the material leaves it open.
    """
    grain = np.float32(material.grain)
    if plane.a == plane.b == 0:
        inverse: Floats | np.float32 = 1 / (np.float32(plane.c) * grain)
    else:
        scaled = (np.float32(plane.a) * grain) * x + (
            (np.float32(plane.b) * ys + np.float32(plane.c)) * grain
        )[:, None]
        inverse = 1 / np.maximum(scaled, _NEAR_ZERO * grain)
    u, v = (
        (np.float32(ex) * x + (np.float32(ey) * ys + np.float32(e0))[:, None]) * inverse + np.float32(shift)
        for (ex, ey, e0), shift in zip(material.axes, material.offset, strict=True)
    )
    if material.lod is not None:
        return u, v, material.lod
    position = u - np.float32(material.offset[0]), v - np.float32(material.offset[1])
    along = _span(material, plane.a, position, 0)
    across = _span(material, plane.b, position, 1)
    squared = np.maximum(along, across * np.float32(FLATTENED**-2)) * (inverse * inverse)
    return u, v, np.float32(0.5) * np.log2(squared + np.float32(1e-6)) + np.float32(SOFTNESS)


def _span(material: Material, slope: float, position: tuple[Floats, Floats], k: int) -> Floats:
    """Return the squared slope of texel coordinates along axis `k`, times ``(disparity * grain) ** 2``."""
    du, dv = (
        np.float32(row[k]) - np.float32(slope * material.grain) * p
        for row, p in zip(material.axes, position, strict=True)
    )
    return np.asarray(du * du + dv * dv)
