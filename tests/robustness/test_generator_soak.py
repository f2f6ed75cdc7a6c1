"""Many scenes of every layout, looked at for what a few do not show: holes, wild ground truth, views that
disagree.

``--soak N`` looks at N scenes of each layout. The sizes are small: holes depend on where walls end.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from dsmnet.synthetic import LAYOUTS, SyntheticStereo
from dsmnet.synthetic.dataset import _generator
from dsmnet.synthetic.render import View, non_occluded
from dsmnet.synthetic.scene import BACKDROP

MOST = 24.0  # pixels of disparity
UNPAINTED = (1, 254, 3, 0)  # a color that no palette has
# Scenes of layout still where a view looks past the ends of wall and table.
PAST_THE_WALL = [505, 995, 1588, 1701, 2135, 2678, 3760, 4748]


def drawn(layout: str, indices: list[int] | range, seed: int = 0) -> Iterator[tuple[int, View, View]]:
    """Yield scenes as the perfect cameras see them."""
    data = SyntheticStereo(seed, size=(48, 96), largest_disparity=MOST, min_near=5.0, layouts={layout: 1.0})
    for index in indices:
        surfaces = data._scene(_generator(seed, 0, index)).surfaces
        views = View(96, 48, right=False), View(96, 48, right=True)
        for view in views:
            view.color[:] = UNPAINTED
            view.draw(surfaces)
        yield index, *views


def faults(left: View, right: View) -> list[str]:
    """Return what is wrong with a scene, in words."""
    found = []
    for side, view in (("left", left), ("right", right)):
        disparity = view.disparity
        for fault, where in {
            "holes": ~(disparity > 0),
            "wild": ~np.isfinite(disparity) | (disparity > MOST),
            "unpainted": (view.color[..., :3] == UNPAINTED[:3]).all(axis=-1),
        }.items():
            if where.any():
                found.append(f"{side}: {int(where.sum())} {fault}")
    noc = non_occluded(left, right)
    gap = at_match(right.disparity, left) - left.disparity
    same = at_match(right.body, left) == left.body
    if (np.abs(gap) > 1)[noc & same].any():
        found.append(f"views disagree by {np.abs(gap)[noc & same].max():.2f} px")
    if (gap > 1.001)[noc].any():
        found.append("something stands before what both views show")
    return found


def matches(left: View) -> NDArray[np.intp]:
    """Return the column of the right view nearest to each left pixel's match, [H, W]."""
    return np.rint(np.arange(left.width, dtype=np.float32) - left.disparity).astype(np.intp)


def at_match(values: NDArray[np.generic], left: View) -> NDArray[np.generic]:
    """Return what a map of the right view holds at the pixel nearest to each left one's match."""
    return np.take_along_axis(values, matches(left).clip(0, left.width - 1), axis=1)


def agreement(left: View, right: View) -> float:
    """Return the share of pixels whose occlusion is what throwing the left view onto the right one tells.

    The mask is asked for wherever nothing beyond the left view can hide the match.
    """
    columns = matches(left)
    inside = columns >= 0
    rows = np.broadcast_to(np.arange(left.height)[:, None], columns.shape)
    nearest = np.full(left.disparity.shape, -np.inf, np.float32)
    np.maximum.at(nearest, (rows[inside], columns[inside]), left.disparity[inside])
    seen = inside & (at_match(nearest, left) <= left.disparity + 1)
    told = columns < left.width - 1 - left.disparity.max()
    return float((seen == non_occluded(left, right))[told].mean())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_scenes_of_each_layout_have_no_faults(layout: str, request: pytest.FixtureRequest) -> None:
    count = request.config.getoption("--soak")
    shares = []
    for index, left, right in drawn(layout, range(count)):
        assert faults(left, right) == [], f"{layout} {index}"
        shares.append(agreement(left, right))
    assert min(shares) > 0.9  # masks round to whole pixels: the rims of many things may differ
    assert np.mean(shares) > 0.985


def test_views_past_the_ends_of_the_walls_are_covered() -> None:
    backdrops = 0
    for index, left, right in drawn("still", PAST_THE_WALL):
        assert faults(left, right) == [], index
        backdrops += int((left.body == BACKDROP).any() or (right.body == BACKDROP).any())
    assert backdrops == 6


def test_a_pair_whose_wall_ends_in_view_is_valid_where_its_disparity_is_positive() -> None:
    pair = SyntheticStereo(size=(192, 384), largest_disparity=96, length=10**9, seed=11)[3808]
    for disparity, valid in (("disparity", "valid"), ("right_disparity", "right_valid")):
        assert pair[disparity].min() > 0  # type: ignore[literal-required]
        np.testing.assert_array_equal(pair[valid], pair[disparity] > 0)  # type: ignore[literal-required]
    assert (pair["left"].max(axis=-1) == 0).sum() < 10
