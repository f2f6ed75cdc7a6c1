"""Any size of image in bounded memory: a coarse pass over the whole, then tiles that sharpen it."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from dsmnet.errors import ShapeError, UserError
from dsmnet.inference.confidence import ConfidenceMap
from dsmnet.inference.memory_estimate import footprint
from dsmnet.inference.photometric_selection import choose_by_match
from dsmnet.inference.search import DEFAULT_RANGE, widened
from dsmnet.inference.tiles import Blend, CoarseMap, Tile, spans
from dsmnet.progress import track
from dsmnet.types import DisparityMap, Image, Matcher

log = logging.getLogger(__name__)

SMALLEST = 128  # pixels: below, a tile is mostly border, and instance statistics say little of the image
DEFAULT_TILE = 512
COARSE_RANGE = 192  # pixels: the range of the coarse pass, which networks match well
TILE_RANGE = 256  # pixels: a tile with a longer range is matched at the scale at which that is its range
COARSE_SCALE = 2.0  # at least: a coarse pass at full size would leave nothing to the tiles


@dataclass(frozen=True)
class TiledMatcher:
    """A matcher for images and search ranges of any size, from one for those that memory allows.

    First the whole pair is matched at a scale at which its search range is one that networks match well.
    That map says which disparities a tile holds. The right view's crop is shifted by the lowest of them, so
    that the inner matcher searches the rest only. Where tile and coarse map contradict each other, the one
    that matches better is taken, and overlaps are blended.

    Args:
        inner: Matches a tile; a network or any other `Matcher`.
        tile: An image whose height or width exceeds it is cut into tiles of at most so many pixels;
            ``auto``: one that would take more than `memory`, into tiles of 512.
        overlap: Pixels that neighbouring tiles share; at most half a tile.
        memory: GB, 1e9 bytes, that a prediction may take; a tile that needs more is matched at a smaller
            scale.
        progress: Show a bar over the tiles.

    Raises:
        UserError: An argument is not what it should be.
    """

    inner: Matcher
    tile: int | str = "auto"
    overlap: int = 64
    memory: float = 6.0
    progress: bool = False

    def __post_init__(self) -> None:
        if self.tile != "auto" and not (_whole(self.tile) and int(self.tile) >= SMALLEST):
            raise UserError(f"tile={self.tile}: expected auto, null or at least {SMALLEST} pixels")
        if not _whole(self.overlap) or not 0 <= self.overlap <= self.longest // 2:
            raise UserError(f"overlap={self.overlap}: expected 0 to {self.longest // 2}, half of a tile")
        if isinstance(self.memory, bool) or not isinstance(self.memory, int | float) or not self.memory >= 1:
            raise UserError(f"memory={self.memory}: expected a number of GB, at least 1")

    @property
    def longest(self) -> int:
        """Height and width that a tile has at most, pixels."""
        return DEFAULT_TILE if self.tile == "auto" else int(self.tile)

    @property
    def device(self) -> Any:
        """Where the inner matcher computes, if it says so."""
        return getattr(self.inner, "device", None)

    @property
    def sharp(self) -> bool:
        """Whether `predict_with_sharpness` can be called."""
        return bool(getattr(self.inner, "sharp", False))

    def predict(self, left: Image, right: Image, max_disparity: int | None = None) -> DisparityMap:
        """Match one pair, see `Matcher`; an image that needs no tiles is left to the inner matcher.

        Raises:
            ShapeError: The views differ in size.
        """
        if not self._needs_tiles(left.shape, max_disparity):
            return self.inner.predict(left, right, max_disparity)
        return self._predict(left, right, self._reach(left.shape, max_disparity), sharp=False)[0]

    def predict_with_sharpness(
        self, left: Image, right: Image, max_disparity: int | None = None
    ) -> tuple[DisparityMap, ConfidenceMap]:
        """Return what `predict` does, and the sharpness as the tiles found it, see `SharpMatcher`."""
        inner: Any = self.inner
        if not self._needs_tiles(left.shape, max_disparity):
            return inner.predict_with_sharpness(left, right, max_disparity)
        disparity, sharpness = self._predict(left, right, self._reach(left.shape, max_disparity), sharp=True)
        return disparity, sharpness

    def _predict(self, left: Image, right: Image, reach: int, sharp: bool) -> list[DisparityMap]:
        if left.shape != right.shape:
            raise ShapeError(f"the views differ in size: left {left.shape}, right {right.shape}")
        size = left.shape[0], left.shape[1]
        coarse = CoarseMap(self._coarse(left, right, reach), size)
        tiles = [
            coarse.search(rows, columns, reach)
            for rows in spans(size[0], self.longest, self.overlap)
            for columns in spans(size[1], self.longest, self.overlap)
        ]
        log.info("%dx%d, %d px to search: coarse at 1/%.1f, %d tiles", *size, reach, coarse.scale, len(tiles))
        blends = [Blend(size, self.overlap) for _ in range(1 + sharp)]
        for tile in track(tiles, "tiles", unit="tile", enabled=self.progress):
            for blend, found in zip(blends, self._match(tile, left, right, coarse, sharp), strict=True):
                blend.add(tile, found)
        return [blend.result() for blend in blends]

    def _needs_tiles(self, shape: tuple[int, ...], max_disparity: int | None) -> bool:
        if self.tile == "auto":
            return self._scale((shape[0], shape[1], self._reach(shape, max_disparity))) > 1
        return max(shape[:2]) > self.longest

    def _reach(self, shape: tuple[int, ...], max_disparity: int | None) -> int:
        return max_disparity or widened(DEFAULT_RANGE, shape[1])

    def _coarse(self, left: Image, right: Image, reach: int) -> DisparityMap:
        """Match the whole at a smaller scale; pixels of the full image, at the size of that scale."""
        scale = max(COARSE_SCALE, reach / COARSE_RANGE, self._scale((left.shape[0], left.shape[1], reach)))
        return match_smaller(self.inner, left, right, reach, scale)[0]

    def _scale(self, size: tuple[int, int, int]) -> float:
        """By how much height, width and range have to shrink to be matched in `memory`; 1: not at all."""
        return footprint(self.inner).scale_to_fit(*size, self.memory)

    def _match(
        self, tile: Tile, left: Image, right: Image, coarse: CoarseMap, sharp: bool
    ) -> list[DisparityMap]:
        """Disparity of a tile, and where it is asked for its sharpness."""
        views = tile.crops(left, right)
        height, width, reach = tile.size
        scale = max(self._scale(tile.size), reach / TILE_RANGE)
        if scale > 1:
            smaller = match_smaller(self.inner, *views, reach, scale, sharp)
            maps = [np.asarray(cv2.resize(found, (width, height)), np.float32) for found in smaller]
        else:
            maps = ask(self.inner, *views, reach, sharp)
        rows, columns = slice(tile.top, tile.bottom), slice(tile.left, tile.right)
        first = max(0, tile.left - tile.high)
        disparity = choose_by_match(
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
    """Return a `TiledMatcher`, or with ``tile=null`` the matcher itself.

    Raises:
        UserError: As `TiledMatcher`.
    """
    return matcher if tile is None else TiledMatcher(matcher, tile, overlap, memory, progress)


def ask(matcher: Any, left: Image, right: Image, reach: int, sharp: bool) -> list[DisparityMap]:
    """Return the disparity and, where it is asked for, the sharpness."""
    if sharp:
        return list(matcher.predict_with_sharpness(left, right, reach))
    return [matcher.predict(left, right, reach)]


def match_smaller(
    matcher: Matcher, left: Image, right: Image, reach: int, scale: float, sharp: bool = False
) -> list[DisparityMap]:
    """Match a pair whose height and width are divided by `scale`; maps are of that size, the unit is not.

    Returns:
        Disparity in pixels of the views as they were given, [height / scale, width / scale], and where it is
        asked for the sharpness.
    """
    height, width = left.shape[:2]
    size = max(1, round(width / scale)), max(1, round(height / scale))
    exact = width / size[0]
    first, second = (
        np.asarray(cv2.resize(np.ascontiguousarray(view), size, interpolation=cv2.INTER_AREA), view.dtype)
        for view in (left, right)
    )
    disparity, *rest = ask(matcher, first, second, math.ceil(reach / exact), sharp)
    return [disparity * np.float32(exact), *rest]


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
