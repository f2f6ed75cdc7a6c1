"""The geometry of tiles: what is covered, what is searched, how it is joined."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from dsmnet.inference.tiles import Blend, CoarseMap, Tile, spans


@pytest.mark.parametrize("size", [1, 511, 512, 513, 960, 961, 2000, 3000])
@pytest.mark.parametrize("overlap", [0, 64, 256])
def test_spans_cover_all_with_the_overlap_that_was_asked(size: int, overlap: int):
    found = spans(size, 512, overlap)
    assert (found[0][0], found[-1][1]) == (0, size)
    assert all(last - first <= 512 for first, last in found)
    assert len({last - first for first, last in found}) == 1
    for (_, last), (first, _) in pairwise(found):
        assert overlap <= last - first <= overlap + len(found)
    if size > 512:  # one tile fewer would not do
        assert len(found) * 512 - (len(found) - 1) * overlap >= size
        assert (len(found) - 1) * 512 - (len(found) - 2) * overlap < size


@pytest.mark.parametrize("columns", [(0, 300), (100, 400), (250, 550), (700, 1000)])
def test_every_match_lies_in_the_crops_and_none_outside_of_the_image(columns: tuple[int, int]):
    coarse = CoarseMap(np.linspace(40, 60, 50 * 100, dtype=np.float32).reshape(50, 100), (500, 1000))
    tile = coarse.search((100, 300), columns, max_disparity=400)
    view = np.broadcast_to(np.arange(1000, dtype=np.float32), (500, 1000))
    left, right = tile.crops(view, view)
    assert left.shape == right.shape == tile.size[:2]
    assert (left - right == tile.low).all()
    for x in range(*columns):
        matches = [x - d for d in range(tile.low, tile.high) if x - d >= 0]
        assert all(right[0, 0] <= match <= right[0, -1] for match in matches)
    assert tile.low <= columns[0]
    assert tile.high - tile.low < 400 or columns[0] == 0
    assert tile.cut(left - right).shape == (200, columns[1] - columns[0])


def test_the_range_of_a_tile_holds_what_the_coarse_map_has_near_it():
    disparity = np.full((50, 100), 100, np.float32)
    disparity[20, 40] = 300  # 3 coarse pixels left of the tile
    coarse = CoarseMap(disparity, (500, 1000))
    near, far = (coarse.search((150, 250), columns, 800) for columns in ((430, 600), (700, 900)))
    assert near.low < 100 < 300 < near.high < 400
    assert 70 < far.low < 100 < far.high < 130
    assert coarse.search((150, 250), (430, 600), 250).high == 250


def test_a_coarse_map_is_enlarged_alike_in_all_tiles():
    rows, columns = np.mgrid[:50, :100].astype(np.float32)
    coarse = CoarseMap(3 * columns + 2 * rows, (500, 1000))
    whole = coarse.enlarge(Tile(0, 500, 0, 1000, 0, 1))
    part = coarse.enlarge(Tile(120, 360, 333, 777, 0, 1))
    np.testing.assert_allclose(part, whole[120:360, 333:777], atol=0.1)  # remap rounds to 1/32 pixel
    ys, xs = np.mgrid[10:490, 10:990]
    exact = 3 * ((xs + 0.5) / 10 - 0.5) + 2 * ((ys + 0.5) / 10 - 0.5)
    np.testing.assert_allclose(whole[10:490, 10:990], exact, atol=0.1)


@pytest.mark.parametrize("overlap", [0, 40])
def test_tiles_that_agree_are_joined_without_a_trace(overlap: int):
    target = np.random.default_rng(0).normal(size=(300, 500)).astype(np.float32)
    blend = Blend((300, 500), overlap)
    for top, bottom in spans(300, 128, overlap):
        for left, right in spans(500, 128, overlap):
            blend.add(Tile(top, bottom, left, right, 0, 1), target[top:bottom, left:right])
    np.testing.assert_allclose(blend.result(), target, atol=1e-5)


def test_tiles_that_differ_fade_into_each_other():
    blend = Blend((1, 200), 40)
    blend.add(Tile(0, 1, 0, 120, 0, 1), np.zeros((1, 120), np.float32))
    blend.add(Tile(0, 1, 80, 200, 0, 1), np.ones((1, 120), np.float32))
    row = blend.result()[0]
    assert (row[:80] == 0).all()
    assert (row[120:] == 1).all()
    assert (np.diff(row[80:120]) > 0).all()
    assert np.diff(row).max() < 0.05  # a cosine over 40 pixels rises by pi / 80 at most
