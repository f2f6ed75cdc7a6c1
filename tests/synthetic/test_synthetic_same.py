"""The same seed gives the same pairs as ever, so that what was trained on them can be trained again."""

from __future__ import annotations

import pytest

from dsmnet.synthetic import SyntheticStereo

# Pair 1 of each layout: the means of both views, of both disparities, and of the mask.
# Another release of OpenCV may move the views by a few hundredths; other scenes move them by whole units.
PAIRS = [
    ("street", (192, 384), 99.95, 102.88, 14.896, 14.875, 0.9000),
    ("ground", (192, 384), 122.52, 103.24, 20.466, 20.162, 0.7625),
    ("indoor", (192, 384), 120.01, 118.03, 19.474, 19.464, 0.9369),
    ("still", (192, 384), 92.85, 125.69, 45.179, 45.772, 0.8771),
    ("random", (192, 384), 51.66, 48.85, 7.606, 7.796, 0.9340),
    ("street", (97, 161), 79.80, 82.46, 11.994, 11.888, 0.8204),
    ("ground", (97, 161), 116.84, 115.28, 14.537, 14.671, 0.7633),
    ("indoor", (97, 161), 50.13, 44.29, 13.946, 14.289, 0.8569),
    ("still", (97, 161), 96.28, 114.97, 31.343, 31.161, 0.7803),
    ("random", (97, 161), 50.88, 48.26, 12.608, 13.696, 0.8530),
]

PLAIN = {"reflections": 0.0, "glare": 0.0}  # added later: without them the pairs are those of before


@pytest.mark.parametrize(("layout", "size", "left", "right", "disparity", "right_disparity", "noc"), PAIRS)
def test_pairs_stay_the_same(
    layout: str,
    size: tuple[int, int],
    left: float,
    right: float,
    disparity: float,
    right_disparity: float,
    noc: float,
) -> None:
    furthest = 96 if size[1] == 384 else 48
    sample = SyntheticStereo(
        layouts={layout: 1.0}, size=size, largest_disparity=furthest, glints=0.5, **PLAIN
    )[1]
    assert sample["left"].mean() == pytest.approx(left, abs=0.05)
    assert sample["right"].mean() == pytest.approx(right, abs=0.05)
    assert sample["disparity"].mean() == pytest.approx(disparity, abs=2e-3)
    assert sample["right_disparity"].mean() == pytest.approx(right_disparity, abs=2e-3)
    assert sample["noc"].mean() == pytest.approx(noc, abs=1e-3)
