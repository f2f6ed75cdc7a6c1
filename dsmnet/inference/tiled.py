"""Any size of image in bounded memory: a coarse pass over the whole, then tiles that sharpen it."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import ShapeError, UserError
from dsmnet.inference.memory_estimate import estimate_memory
from dsmnet.inference.photometric_selection import select_photometrically
from dsmnet.inference.search import DEFAULT_RANGE, widened
from dsmnet.inference.tiles import Blend, CoarseMap, Tile, spans
from dsmnet.options import check_number, check_whole
from dsmnet.progress import track
from dsmnet.types import ConfidenceMap, DisparityMap, Image, Matcher, WrappedMatcher

log = logging.getLogger(__name__)

SMALLEST = 128  # pixels: below, a tile is mostly border, and instance statistics say little of the image
DEFAULT_TILE = 512
COARSE_RANGE = 192  # pixels: the range of the coarse pass, which networks match well
TILE_RANGE = 256  # pixels: a tile with a longer range is matched at the scale at which that is its range
COARSE_SCALE = 2.0  # at least: a coarse pass at full size would leave nothing to the tiles


@dataclass(frozen=True)
class TiledMatcher(WrappedMatcher):
    """A matcher for images and search ranges of any size, from one for those that memory allows.

    First the whole pair is matched at a scale at which its search range is one that networks match well.
    That map says which disparities a tile holds. The right view's crop is shifted by the lowest of them, so
    that the inner matcher searches the rest only. Where tile and coarse map contradict each other, the one
    that matches better is taken, and overlaps are blended.

    Args:
        inner: Matcher of a tile.
        tile: Height and width of a tile at most, pixels; larger images are cut. ``auto``: an image that would
            take more than `memory` is cut into tiles of 512.
        overlap: Pixels that neighbouring tiles share; at most half a tile.
        memory: GB (1e9 bytes) that a prediction may take; a tile that needs more is matched smaller.
        progress: Whether to show a bar over the tiles.
    """

    tile: int | str = "auto"
    overlap: int = 64
    memory: float = 6.0
    progress: bool = False

    def __post_init__(self) -> None:
        whole = isinstance(self.tile, int) and not isinstance(self.tile, bool)
        if self.tile != "auto" and not (whole and int(self.tile) >= SMALLEST):
            raise UserError(f"tile={self.tile}: expected auto, null or at least {SMALLEST} pixels")
        check_whole(
            "overlap", self.overlap, least=0, most=self.longest // 2, unit="pixels (half of a tile at most)"
        )
        check_number("memory", self.memory, least=1, unit="GB")

    @property
    def longest(self) -> int:
        """Height and width that a tile has at most, pixels."""
        return DEFAULT_TILE if self.tile == "auto" else int(self.tile)

    def predict(self, left: Image, right: Image, max_disparity: int | None = None) -> DisparityMap:
        """Match one pair; an image that needs no tiles is left to the inner matcher."""
        return self._predict(left, right, max_disparity, sharp=False)[0]

    def predict_with_sharpness(
        self, left: Image, right: Image, max_disparity: int | None = None
    ) -> tuple[DisparityMap, ConfidenceMap]:
        """Match one pair; return disparity and the sharpness of the tiles."""
        disparity, sharpness = self._predict(left, right, max_disparity, sharp=True)
        return disparity, sharpness

    def _predict(
        self, left: Image, right: Image, max_disparity: int | None, sharp: bool
    ) -> list[NDArray[np.float32]]:
        height, width = left.shape[:2]
        searched = max_disparity or widened(DEFAULT_RANGE, width)
        smaller = self._scale(height, width, searched)
        if not (smaller > 1 if self.tile == "auto" else max(height, width) > self.longest):
            return match_maps(self.inner, left, right, max_disparity, sharp)
        if left.shape != right.shape:
            raise ShapeError(f"the views differ in size: left {left.shape}, right {right.shape}")
        scale = max(COARSE_SCALE, searched / COARSE_RANGE, smaller)
        coarse = CoarseMap(match_smaller(self.inner, left, right, searched, scale)[0], (height, width))
        tiles = [
            coarse.search(rows, columns, searched if self.has_range else width)
            for rows in spans(height, self.longest, self.overlap)
            for columns in spans(width, self.longest, self.overlap)
        ]
        size = f"{height}x{width}, {searched} px to search"
        log.info("%s: coarse at 1/%.1f, %d tiles", size, coarse.scale, len(tiles))
        blends = [Blend((height, width), self.overlap) for _ in range(1 + sharp)]
        for tile in track(tiles, "tiles", unit="tile", enabled=self.progress):
            for blend, found in zip(blends, self._match(tile, left, right, coarse, sharp), strict=True):
                blend.add(tile, found)
        return [blend.result() for blend in blends]

    def _scale(self, height: int, width: int, max_disparity: int) -> float:
        """Return the factor by which a pair has to shrink to be matched in `memory`; 1: not at all."""
        return estimate_memory(self.inner).scale_to_fit(height, width, max_disparity, self.memory)

    def _match(
        self, tile: Tile, left: Image, right: Image, coarse: CoarseMap, sharp: bool
    ) -> list[NDArray[np.float32]]:
        """Return the disparity of a tile, and on demand its sharpness."""
        views = tile.crops(left, right)
        height, width, searched = tile.size
        scale = max(self._scale(*tile.size), searched / TILE_RANGE)
        if scale > 1:
            smaller = match_smaller(self.inner, *views, searched, scale, sharp)
            maps = [np.asarray(cv2.resize(found, (width, height)), np.float32) for found in smaller]
        else:
            maps = match_maps(self.inner, *views, searched, sharp)
        rows, columns = slice(tile.top, tile.bottom), slice(tile.left, tile.right)
        first = max(0, tile.left - tile.high)
        disparity = select_photometrically(
            tile.cut(maps[0]),
            coarse.enlarge(tile),
            left[rows, columns],
            right[rows, first : tile.right],
            shift=tile.left - first,
            tolerance=2 * coarse.scale,
        )
        return [disparity, *(found[:, tile.left - tile.start :] for found in maps[1:])]


def in_tiles(
    matcher: Matcher, tile: int | str | None, overlap: int, memory: float, progress: bool = False
) -> Matcher:
    """Return a `TiledMatcher`, or with ``tile=null`` the matcher itself."""
    return matcher if tile is None else TiledMatcher(matcher, tile, overlap, memory, progress)


def match_maps(
    matcher: Matcher, left: Image, right: Image, max_disparity: int | None, sharp: bool
) -> list[NDArray[np.float32]]:
    """Return the disparity and on demand the sharpness."""
    if sharp:
        return list(matcher.predict_with_sharpness(left, right, max_disparity))
    return [matcher.predict(left, right, max_disparity)]


def match_smaller(
    matcher: Matcher, left: Image, right: Image, max_disparity: int, scale: float, sharp: bool = False
) -> list[NDArray[np.float32]]:
    """Match a pair made smaller by `scale`, as `match_maps`; disparity is in pixels of the given views."""
    height, width = left.shape[:2]
    size = max(1, round(width / scale)), max(1, round(height / scale))
    exact = width / size[0]
    first, second = (
        np.asarray(cv2.resize(np.ascontiguousarray(view), size, interpolation=cv2.INTER_AREA), view.dtype)
        for view in (left, right)
    )
    disparity, *rest = match_maps(matcher, first, second, math.ceil(max_disparity / exact), sharp)
    return [disparity * np.float32(exact), *rest]
