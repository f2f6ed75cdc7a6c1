"""Alpha masks: outlines drawn with soft edges, and the light and shade stretched over them."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.synthetic.geometry import Floats, Vector

Bytes = NDArray[np.uint8]
Points = NDArray[np.float64]  # [N, 2], left-view pixels
Bounds = tuple[float, float, float, float]  # x0, y0, x1, y1, left-view pixels
Shading = NDArray[np.float32]  # [k, l], brightness relative to the surface's own

_FRACTION_BITS = 4
_MARGIN = 3  # empty raster pixels around an outline
_SMALLEST = 3.0  # pixels of area; smaller outlines are left out
_FAR = 320_000.0  # 1/16 pixels; OpenCV draws nothing further out


class Canvas(NamedTuple):
    """The part of the left view's plane that either view may show: the right view sees further right."""

    width: int
    height: int

    def clip(self, points: Points) -> Bounds | None:
        """Return the bounds of the points within the canvas, or None where they lie outside."""
        # Plain numbers from here on: sums of NumPy's scalars are several times as slow.
        (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        box = max(x0, -4.0), max(y0, -4.0), min(x1, 1.5 * self.width), min(y1, self.height + 4.0)
        width, height = box[2] - box[0], box[3] - box[1]
        return box if width > 0.3 and height > 0.3 and width * height > _SMALLEST else None

    def draw(self, points: Points) -> AlphaMask | None:
        """Return the mask of a polygon, or None where no view shows it."""
        box = self.clip(points)
        if box is None:
            return None
        mask = AlphaMask(box)
        mask.fill(points)
        return mask


class AlphaMask:
    """Coverage of a surface over a box of the left view, and its shade; a finer raster for small boxes.

    `coverage` and `shade` are rasters [h, w]; pixel (x, y) of the left view lies at
    ``((x - x0) * scale, (y - y0) * scale)`` in both. Coverage outside the raster is zero.
    """

    def __init__(self, box: Bounds, margin: float = 0.0, scale: float | None = None) -> None:
        x0, y0, x1, y1 = box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin
        size = max(x1 - x0, y1 - y0)
        fitting = 3.0 if size < 24 else 2.0 if size < 80 else 1.5 if size < 160 else 1.0
        self.scale = fitting if scale is None else scale
        self.x0, self.y0 = x0 - _MARGIN / self.scale, y0 - _MARGIN / self.scale
        width = math.ceil((x1 - x0) * self.scale) + 2 * _MARGIN + 1
        height = math.ceil((y1 - y0) * self.scale) + 2 * _MARGIN + 1
        self.coverage: Bytes = np.zeros((height, width), np.uint8)
        self.shade: Bytes | None = None

    def fill(self, points: Points, value: int = 255) -> None:
        """Fill a polygon; value 0 cuts a hole."""
        fixed = (points - (self.x0, self.y0)) * (self.scale * 2**_FRACTION_BITS)
        fixed = np.rint(np.minimum(np.maximum(fixed, -_FAR), _FAR)).astype(np.int32)
        cv2.fillPoly(self.coverage, [fixed], value, cv2.LINE_AA, _FRACTION_BITS)

    def fill_each(self, polygons: NDArray[np.float64]) -> None:
        """Fill many polygons [N, K, 2] of equally many corners."""
        fixed = (polygons - (self.x0, self.y0)) * (self.scale * 2**_FRACTION_BITS)
        for polygon in np.rint(np.clip(fixed, -_FAR, _FAR)).astype(np.int32):
            cv2.fillPoly(self.coverage, [polygon], 255, cv2.LINE_AA, _FRACTION_BITS)

    def cut(self, share: NDArray[np.floating]) -> None:
        """Multiply the coverage by a map [h, w] of 0..1 stretched over it."""
        self.coverage = (self.coverage * self._stretched(share.astype(np.float32))).astype(np.uint8)

    def soften(self, sigma: float) -> None:
        """Blur the coverage by `sigma` pixels of the view."""
        blurred = cv2.GaussianBlur(self.coverage, (0, 0), max(sigma * self.scale, 0.3))
        self.coverage = np.asarray(blurred, np.uint8)

    def shade_by(self, shading: Shading, base: int) -> None:
        """Stretch a shading over the mask; `base` is the surface's own shade."""
        self.shade = self._stretched(np.minimum(shading * np.float32(base), 255).astype(np.uint8))

    def _stretched(self, values: NDArray) -> NDArray:
        height, width = self.coverage.shape
        return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR))

    def box(self) -> Bounds:
        """Return the bounds of the raster."""
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


def circle(x: float, y: float, rx: float, ry: float, corners: int = 40) -> Points:
    """Return an ellipse as a polygon."""
    angles = np.arange(corners) * (2 * math.pi / corners)
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=1)


def blob(rng: np.random.Generator, x: float, y: float, rx: float, ry: float, ragged: float = 0.25) -> Points:
    """Return a rounded, irregular outline."""
    angles = np.arange(60) * (2 * math.pi / 60)
    radius = np.ones(60)
    for k in range(2, 6):
        radius += ragged / k * 1.5 * rng.normal() * np.sin(k * angles + rng.uniform(0, 2 * math.pi))
    radius = np.maximum(radius, 0.2)
    return np.stack([x + rx * radius * np.cos(angles), y + ry * radius * np.sin(angles)], axis=1)


def star(rng: np.random.Generator, x: float, y: float, rx: float, ry: float) -> Points:
    """Return a star-shaped polygon of three to eight corners."""
    count = int(rng.integers(3, 9))
    angles = np.sort(rng.uniform(0, 2 * math.pi, count))
    radius = rng.uniform(0.5, 1.0, count)
    return np.stack([x + rx * radius * np.cos(angles), y + ry * radius * np.sin(angles)], axis=1)


def rectangle(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> Points:
    """Return a rectangle of half-sizes `rx`, `ry`, turned by `angle`."""
    corners = np.array([[-rx, -ry], [rx, -ry], [rx, ry], [-rx, ry]])
    cos, sin = math.cos(angle), math.sin(angle)
    return corners @ np.array([[cos, sin], [-sin, cos]]) + (x, y)


def bars(starts: Points, ends: Points, width: float) -> NDArray[np.float64]:
    """Return straight bars [N, 4, 2] between pixels."""
    along = ends - starts
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across *= width / 2 / np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)[:, None]
    return np.stack([starts + across, ends + across, ends - across, starts - across], axis=1)


def bar(start: NDArray[np.float64], end: NDArray[np.float64], width: float) -> Points:
    """Return a straight bar from one pixel to another."""
    along = end - start
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6) * (width / 2)
    return np.stack([start + across, end + across, end - across, start - across])


def ramp(bottom: float) -> Shading:
    """Return brightness that changes evenly from 1 at the top to `bottom`."""
    return np.array([[1.0, 1.0], [bottom, bottom]], np.float32)


def uneven(rng: np.random.Generator, strength: float = 0.2) -> Shading:
    """Return patches of light and shadow."""
    shape = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    return np.exp(rng.normal(0, strength, shape)).astype(np.float32)


def cylinder(light: Vector, ambient: float) -> Shading:
    """Return the light on an upright cylinder, relative to a wall that faces the camera."""
    u = np.linspace(-0.97, 0.97, 12)
    return _relative(u * light[0] - np.sqrt(1 - u * u) * light[2], light, ambient, 0.85)[None]


def ball(light: Vector, ambient: float) -> Shading:
    """Return the light on a ball, relative to a wall that faces the camera."""
    u = np.linspace(-1, 1, 16)[None]
    v = np.linspace(-1, 1, 16)[:, None]
    toward = np.sqrt(np.maximum(1 - u * u - v * v, 0.02))
    return _relative(u * light[0] + v * light[1] - toward * light[2], light, ambient, 0.8)


def _relative(facing: NDArray[np.float64], light: Vector, ambient: float, shadow: float) -> Shading:
    wall = ambient + (1.15 - ambient) * max(-light[2], 0)
    return ((ambient * shadow + (1.15 - ambient) * np.maximum(facing, 0)) / wall).astype(np.float32)
