"""Silhouettes: polygons, discs, blobs, wires, fences and foliage, drawn with soft edges."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.synthetic.surface import Stencil
from dsmnet.synthetic.texture import Bytes

Points = NDArray[np.float64]  # [N, 2], left-view pixels

_FRACTION_BITS = 4
_MARGIN = 3  # empty raster pixels around a silhouette
_SMALLEST = 3.0  # pixels of area; what is smaller is left out
_FAR = 320_000.0  # 1/16 pixels; OpenCV draws nothing further out


class Canvas(NamedTuple):
    """The part of the left view's plane that either view may show: the right view sees further right."""

    width: int
    height: int

    def clip(self, points: Points) -> tuple[float, float, float, float] | None:
        """Return x0, y0, x1, y1 around the points within the canvas, or None where they lie outside."""
        # Plain numbers from here on: sums of NumPy's scalars are several times as slow.
        (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        box = max(x0, -4.0), max(y0, -4.0), min(x1, 1.5 * self.width), min(y1, self.height + 4.0)
        width, height = box[2] - box[0], box[3] - box[1]
        return box if width > 0.3 and height > 0.3 and width * height > _SMALLEST else None


class Sheet:
    """An empty raster over a box of the left view, finer for small things, to draw a silhouette on."""

    def __init__(
        self, box: tuple[float, float, float, float], margin: float = 0.0, scale: float | None = None
    ) -> None:
        x0, y0, x1, y1 = box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin
        size = max(x1 - x0, y1 - y0)
        fitting = 3.0 if size < 24 else 2.0 if size < 80 else 1.5 if size < 160 else 1.0
        self.scale = fitting if scale is None else scale
        self.x0, self.y0 = x0 - _MARGIN / self.scale, y0 - _MARGIN / self.scale
        width = math.ceil((x1 - x0) * self.scale) + 2 * _MARGIN + 1
        height = math.ceil((y1 - y0) * self.scale) + 2 * _MARGIN + 1
        self.raster: Bytes = np.zeros((height, width), np.uint8)

    def _fixed(self, points: Points) -> NDArray[np.int32]:
        fixed = (points - (self.x0, self.y0)) * (self.scale * 2**_FRACTION_BITS)
        return np.rint(np.minimum(np.maximum(fixed, -_FAR), _FAR)).astype(np.int32)

    def fill(self, points: Points, value: int = 255) -> None:
        """Fill a polygon; value 0 cuts a hole."""
        cv2.fillPoly(self.raster, [self._fixed(points)], value, cv2.LINE_AA, _FRACTION_BITS)

    def stroke(self, points: Points, width: float) -> None:
        """Draw a path `width` pixels of the view thick."""
        thickness = max(round(width * self.scale), 1)
        cv2.polylines(self.raster, [self._fixed(points)], False, 255, thickness, cv2.LINE_AA, _FRACTION_BITS)

    def cut(self, mask: NDArray[np.floating]) -> None:
        """Multiply the silhouette by a mask [h, w] of 0..1 stretched over it."""
        height, width = self.raster.shape
        stretched = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        self.raster = (self.raster * stretched).astype(np.uint8)

    def soften(self, sigma: float) -> None:
        """Blur the silhouette by `sigma` pixels of the view."""
        blurred = cv2.GaussianBlur(self.raster, (0, 0), max(sigma * self.scale, 0.3))
        self.raster = np.asarray(blurred, np.uint8)

    def stencil(self, shade: Bytes | None = None) -> Stencil:
        """Return what was drawn."""
        return Stencil(self.raster, self.x0, self.y0, self.scale, shade)


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


def polygon(rng: np.random.Generator, x: float, y: float, rx: float, ry: float) -> Points:
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


def bar(start: NDArray[np.float64], end: NDArray[np.float64], width: float) -> Points:
    """Return a straight bar from one pixel to another."""
    along = end - start
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6) * (width / 2)
    return np.stack([start + across, end + across, end - across, start - across])
