"""Coloured points as a picture: each a square as large as the pixel it came from, the nearest in front."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsmnet.protocols import Image
from dsmnet.viz.canvas import BACKGROUND, Colour

_LARGEST = 8  # pixels; the width of a square at most
_SAME = 0.03  # share of depth: a square hides only what lies farther behind it than that
_EMPTY = np.iinfo(np.int64).max
_SLACK = 1e-3  # pixels; rounding must not make a square of one pixel two wide

Points = NDArray[np.float32]  # [N, 3], metres: x right, y down, z forward


class Pinhole(NamedTuple):
    """A camera at the origin that looks along z: picture size, focal length, principal point; pixels."""

    height: int
    width: int
    focal: float
    cx: float
    cy: float


def splat(
    points: Points,
    colours: Image,
    sizes: NDArray[np.float32],
    camera: Pinhole,
    background: Colour = BACKGROUND,
) -> Image:
    """Draw points with perspective and hidden surfaces.

    A pixel shows the nearest point whose centre falls on it. Squares then close the gaps: they cover what is
    empty and what lies clearly farther away, not the centres of their neighbours on the same surface. So a
    cloud that is seen from where it was taken gives back its image.

    Args:
        points: in the camera's frame; what is not in front of it is not drawn.
        colours: RGB [N, 3].
        sizes: [N], metres; the widths of the squares.
        camera: where the picture is taken from.
        background: where no point falls.

    Returns:
        RGB [height, width, 3].
    """
    index = np.flatnonzero(points[:, 2] > 0)
    z = points[index, 2]
    x = points[index, 0] / z * camera.focal + camera.cx
    y = points[index, 1] / z * camera.focal + camera.cy
    seen = (
        (x > -_LARGEST)
        & (x < camera.width - 1 + _LARGEST)
        & (y > -_LARGEST)
        & (y < camera.height - 1 + _LARGEST)
    )
    index, x, y, z = index[seen], x[seen], y[seen], z[seen]
    # Positive floats are ordered as their bits are: one whole number says how near a point is, and which.
    key = (z.view(np.int32).astype(np.int64) << 32) | index

    canvas = _Canvas(camera.height, camera.width)
    centres, squares = canvas.empty(), canvas.empty()
    np.minimum.at(centres, canvas.pixels(np.rint(y), np.rint(x)), key)
    widths = np.clip(np.ceil(sizes[index] / z * camera.focal - _SLACK), 1, _LARGEST).astype(np.int64)
    for width in range(2, widths.max(initial=1) + 1):
        chosen = widths == width
        corner = canvas.pixels(np.ceil(y[chosen] - width / 2), np.ceil(x[chosen] - width / 2))
        for down, right in itertools.product(range(width), repeat=2):
            np.minimum.at(squares, corner + (down * canvas.stride + right), key[chosen])

    centres, squares = canvas.inside(centres), canvas.inside(squares)
    in_front = _depth(squares) < _depth(centres) * np.float32(1 - _SAME)
    shown = np.where(in_front, squares, centres)
    drawn = shown != _EMPTY
    picture = np.full((*shown.shape, 3), background, np.uint8)
    picture[drawn] = colours[shown[drawn] & 0xFFFFFFFF]
    return picture


class _Canvas(NamedTuple):
    """A picture with a margin, so that no square has to be cut: pixels are numbered row by row."""

    height: int
    width: int

    @property
    def stride(self) -> int:
        return self.width + 4 * _LARGEST

    def empty(self) -> NDArray[np.int64]:
        return np.full((self.height + 4 * _LARGEST) * self.stride, _EMPTY, np.int64)

    def pixels(self, rows: NDArray[np.floating], columns: NDArray[np.floating]) -> NDArray[np.int64]:
        return (rows.astype(np.int64) + 2 * _LARGEST) * self.stride + columns.astype(np.int64) + 2 * _LARGEST

    def inside(self, buffer: NDArray[np.int64]) -> NDArray[np.int64]:
        margin = 2 * _LARGEST
        return buffer.reshape(-1, self.stride)[margin:-margin, margin:-margin]


def _depth(buffer: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the depth in each pixel, inf where it is empty."""
    depth = (buffer >> 32).astype(np.int32).view(np.float32)
    depth[buffer == _EMPTY] = np.inf
    return depth
