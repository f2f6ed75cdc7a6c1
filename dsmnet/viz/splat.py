"""Colored points as a picture: rectangles that close the gaps between them, the nearest in front."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsmnet.types import Image
from dsmnet.viz.canvas import BACKGROUND, Color

_LARGEST = 8  # pixels; width and height of a rectangle at most
_SAME = 0.03  # share of depth: a rectangle hides only what lies farther behind it than that
_EMPTY = np.iinfo(np.int64).max
_SLACK = 1e-3  # pixels; rounding must not make one pixel two


def splat(
    places: NDArray[np.float32],
    colors: Image,
    extents: NDArray[np.float32],
    size: tuple[int, int],
    background: Color = BACKGROUND,
) -> Image:
    """Draw points, the nearest in front.

    A pixel shows the nearest point whose centre falls on it. Rectangles around the points then close the
    gaps: they cover what is empty and what lies clearly farther away, not the centres of their neighbours on
    the same surface. So a cloud that is seen from where it was taken gives back its image.

    Args:
        places: [N, 3], of each point x and y in the picture, pixels, and depth; what has no positive depth is
            not drawn.
        colors: RGB [N, 3].
        extents: [N, 2], widths and heights of the rectangles, pixels.
        size: Height and width of the picture.
        background: where no point falls.

    Returns:
        RGB [height, width, 3].
    """
    height, width = size
    x, y, z = places.T
    seen = (
        (z > 0) & (x > -_LARGEST) & (x < width - 1 + _LARGEST) & (y > -_LARGEST) & (y < height - 1 + _LARGEST)
    )
    index = np.flatnonzero(seen)
    x, y, z = x[index], y[index], z[index]
    # Positive floats are ordered as their bits are: one whole number says how near a point is, and which.
    key = (np.ascontiguousarray(z).view(np.int32).astype(np.int64) << 32) | index

    canvas = _Canvas(height, width)
    centres, rectangles = canvas.empty(), canvas.empty()
    np.minimum.at(centres, canvas.pixels(np.rint(y), np.rint(x)), key)
    whole = np.clip(np.ceil(extents[index] - _SLACK), 1, _LARGEST).astype(np.int64)
    kinds = whole[:, 1] * (_LARGEST + 1) + whole[:, 0]
    for kind in np.flatnonzero(np.bincount(kinds, minlength=1)):
        tall, wide = divmod(int(kind), _LARGEST + 1)
        if tall * wide > 1:
            chosen = kinds == kind
            corner = canvas.pixels(np.ceil(y[chosen] - tall / 2), np.ceil(x[chosen] - wide / 2))
            for down, right in itertools.product(range(tall), range(wide)):
                np.minimum.at(rectangles, corner + (down * canvas.stride + right), key[chosen])

    centres, rectangles = canvas.inside(centres), canvas.inside(rectangles)
    in_front = _depth(rectangles) < _depth(centres) * np.float32(1 - _SAME)
    shown = np.where(in_front, rectangles, centres)
    drawn = shown != _EMPTY
    picture = np.full((*shown.shape, 3), background, np.uint8)
    picture[drawn] = colors[shown[drawn] & 0xFFFFFFFF]
    return picture


class _Canvas(NamedTuple):
    """A picture with a margin, so that no rectangle has to be cut: pixels are numbered row by row."""

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
