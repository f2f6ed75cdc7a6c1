"""Overlapping tiles of an image: their search ranges, and how they are joined again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.types import DisparityMap, Image

DILATION = 4  # pixels of the coarse map: how far a surface may extend beyond its place in the coarse map
MARGIN = 0.1  # share of a tile's range that is searched beyond both of its ends


@dataclass(frozen=True)
class Tile:
    """A part of the left view and the disparities that are searched in it; ends are excluded, pixels."""

    top: int
    bottom: int
    left: int
    right: int
    low: int
    high: int

    @property
    def start(self) -> int:
        """First column that the network sees: so far left of the tile that each match lies in the crops.

        The right view's crop begins `low` columns further left and never outside of the image. Matches
        beyond the image's border are thus as impossible for a tile as they are for the whole.
        """
        return max(self.low, self.left - (self.high - self.low))

    @property
    def size(self) -> tuple[int, int, int]:
        """Height and width of the crops and the range that is searched in them, pixels."""
        return self.bottom - self.top, self.right - self.start, self.high - self.low

    def crops(self, left: Image, right: Image) -> tuple[Image, Image]:
        """Return the parts of both views in which `low` px of disparity are none."""
        return (
            left[self.top : self.bottom, self.start : self.right],
            right[self.top : self.bottom, self.start - self.low : self.right - self.low],
        )

    def cut(self, disparity: DisparityMap) -> DisparityMap:
        """Return the tile's part of the map found in the crops, as disparities of the whole image."""
        return disparity[:, self.left - self.start :] + np.float32(self.low)


def spans(size: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    """Cover `size` pixels evenly with the fewest spans of at most `tile`, neighbours sharing `overlap`."""
    if size <= tile:
        return [(0, size)]
    count = math.ceil((size - overlap) / (tile - overlap))
    length = math.ceil((size + (count - 1) * overlap) / count)
    return [
        (start, start + length) for start in (round(k * (size - length) / (count - 1)) for k in range(count))
    ]


class CoarseMap:
    """A coarse disparity of the whole image, enlarged only where it is asked for.

    Args:
        disparity: [h, w], in pixels of the full image.
        size: Height and width of the full image.
    """

    def __init__(self, disparity: DisparityMap, size: tuple[int, int]) -> None:
        self.disparity, self.size = disparity, size
        self.scale = size[1] / disparity.shape[1]  # of the columns, along which disparity is measured

    @cached_property
    def _extremes(self) -> tuple[DisparityMap, DisparityMap]:
        neighbours = np.ones((2 * DILATION + 1, 2 * DILATION + 1), np.uint8)
        lowest, highest = cv2.erode(self.disparity, neighbours), cv2.dilate(self.disparity, neighbours)
        return np.asarray(lowest, np.float32), np.asarray(highest, np.float32)

    def search(self, rows: tuple[int, int], columns: tuple[int, int], max_disparity: int) -> Tile:
        """Return the tile of these rows and columns with the range that it has to search."""
        area = tuple(
            slice(int(first * n / full), math.ceil(last * n / full))
            for (first, last), n, full in zip((rows, columns), self.disparity.shape, self.size, strict=True)
        )
        low, high = (extreme[area] for extreme in self._extremes)
        first, last = float(low.min()), float(high.max())
        # The second term is what the coarse map cannot resolve.
        margin = MARGIN * (last - first) + 2 * self.scale + 4
        # A pixel of column x has no match with a disparity above x, but its surface may have one elsewhere.
        least = min(columns[0], max(0, math.floor(first - margin)))
        most = max(least + 1, min(max_disparity, math.ceil(last + margin)))
        return Tile(*rows, *columns, least, most)

    def enlarge(self, tile: Tile) -> DisparityMap:
        """Return the map of a tile at full size, between the coarse pixels' centres linearly."""
        sides = zip(
            ((tile.top, tile.bottom), (tile.left, tile.right)), self.disparity.shape, self.size, strict=True
        )
        ys, xs = (
            ((np.arange(first, last) + 0.5) * (n / full) - 0.5).astype(np.float32)
            for (first, last), n, full in sides
        )
        columns, rows = np.meshgrid(xs, ys)
        found = cv2.remap(self.disparity, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found, np.float32)


class Blend:
    """The sum of overlapping tiles, whose weights fade towards edges inside the image.

    Args:
        size: Height and width of the image.
        overlap: Pixels over which a weight rises from 0 to 1.
    """

    def __init__(self, size: tuple[int, int], overlap: int) -> None:
        self.overlap = overlap
        self._sum, self._weight = np.zeros(size, np.float32), np.zeros(size, np.float32)

    def add(self, tile: Tile, disparity: DisparityMap) -> None:
        """Add a tile's map."""
        height, width = self._sum.shape
        rows, columns = slice(tile.top, tile.bottom), slice(tile.left, tile.right)
        weight = self._fade(tile.top, tile.bottom, height)[:, None] * self._fade(tile.left, tile.right, width)
        self._sum[rows, columns] += weight * disparity
        self._weight[rows, columns] += weight

    def result(self) -> DisparityMap:
        """Return the weighted mean of the tiles."""
        return self._sum / self._weight

    def _fade(self, first: int, last: int, size: int) -> NDArray[np.float32]:
        """Cosine ramps at those ends of a span that lie inside the image; of two neighbours they sum to 1."""
        distance = np.arange(last - first, dtype=np.float32) + np.float32(0.5)
        fade = np.ones_like(distance)
        for from_edge, inside in ((distance, first > 0), (distance[::-1], last < size)):
            if inside and self.overlap:
                fade = fade * (0.5 - 0.5 * np.cos(np.pi * np.minimum(from_edge / self.overlap, 1)))
        return fade.astype(np.float32)
