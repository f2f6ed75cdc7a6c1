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
    """A camera at the origin that looks along z: size of its picture, focal length, principal point, pixels."""

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
    # Positive floats are ordered as their bits are: one whole number says how near a point is, and which.
    key = (z.view(np.int32).astype(np.int64) << 32) | index

    centres = np.full(camera.height * camera.width, _EMPTY, np.int64)
    _lower(centres, camera, np.rint(y), np.rint(x), key)
    squares = np.full_like(centres, _EMPTY)
    widths = np.clip(np.ceil(sizes[index] / z * camera.focal - _SLACK), 1, _LARGEST).astype(np.int64)
    for width in np.unique(widths[widths > 1]):
        chosen = widths == width
        top, start = np.ceil(y[chosen] - width / 2), np.ceil(x[chosen] - width / 2)
        for down, right in itertools.product(range(width), repeat=2):
            _lower(squares, camera, top + down, start + right, key[chosen])

    in_front = _depth(squares) < _depth(centres) * np.float32(1 - _SAME)
    shown = np.where(in_front, squares, centres)
    drawn = shown != _EMPTY
    picture = np.empty((len(shown), 3), np.uint8)
    picture[:] = background
    picture[drawn] = colours[shown[drawn] & 0xFFFFFFFF]
    return picture.reshape(camera.height, camera.width, 3)


def _lower(
    buffer: NDArray[np.int64],
    camera: Pinhole,
    rows: NDArray[np.floating],
    columns: NDArray[np.floating],
    key: NDArray[np.int64],
) -> None:
    """Put keys into the pixels that they fall on, where they are lower than what is there."""
    inside = (rows >= 0) & (rows < camera.height) & (columns >= 0) & (columns < camera.width)
    pixel = rows[inside].astype(np.int64) * camera.width + columns[inside].astype(np.int64)
    np.minimum.at(buffer, pixel, key[inside])


def _depth(buffer: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the depth in each pixel, inf where it is empty."""
    depth = (buffer >> 32).astype(np.int32).view(np.float32)
    depth[buffer == _EMPTY] = np.inf
    return depth
