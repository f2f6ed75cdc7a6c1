"""The contact sheet shows what a data set hands out."""

from __future__ import annotations

import numpy as np
import pytest

from dsmnet.types import StereoSample
from dsmnet.viz import sheet
from dsmnet.viz.sheet import OCCLUDED, caption, color_occlusion


def sample(height: int, width: int, target: bool = True, noc: bool = True) -> StereoSample:
    rng = np.random.default_rng(height + width)
    views = [rng.integers(60, 256, (height, width, 3), np.uint8) for _ in range(2)]
    made: StereoSample = {"left": views[0], "right": views[1], "name": f"{height}_{width}", "dataset": "made"}
    if target:
        made["disparity"] = np.full((height, width), 4, np.float32)
        made["disparity"][:, -10:] = 0
        made["disparity"][0, 0] = 12.5
        made["valid"] = made["disparity"] > 0
        if noc:
            made["noc"] = made["valid"].copy()
            made["noc"][:, : width // 5] = False
    return made


def test_pairs_of_different_sizes_and_without_ground_truth_share_a_sheet():
    few = sheet([sample(60, 90)])
    pairs = [sample(60, 90), sample(100, 50), sample(37, 200, noc=False), sample(60, 90, target=False)]
    many = sheet(pairs, "all")
    assert many.dtype == np.uint8
    assert many.size > 2 * few.size
    assert (few == OCCLUDED).all(axis=-1).any()
    assert not (sheet([sample(60, 90, noc=False)]) == OCCLUDED).all(axis=-1).any()


def test_caption_counts_what_the_pair_holds():
    assert caption(sample(60, 100)) == "100 × 60   4.0 to 12.5 px   90% known   70% visible"
    assert caption(sample(60, 100, target=False)) == "100 × 60"
    nothing = sample(60, 100, noc=False)
    nothing["valid"][:] = False
    assert "no known pixel" in caption(nothing)


def test_occlusion_picture_tells_the_three_kinds_apart():
    left = np.full((1, 3, 3), 100, np.uint8)
    picture = color_occlusion(left, np.array([[True, True, False]]), np.array([[True, False, False]]))
    assert len(set(picture[0, 0].tolist())) == 1  # grey
    assert picture[0, 0, 0] > 100
    np.testing.assert_array_equal(picture[0, 1], OCCLUDED)
    np.testing.assert_array_equal(picture[0, 2], 0)


def test_an_empty_sheet_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        sheet([])
