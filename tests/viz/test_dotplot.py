"""Every value of every row is a dot at its place."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from dsmnet.types import Image
from dsmnet.viz.dotplot import DOT, MEAN, DotPanel, Dots, dot_plot

NOTHING = Dots([], math.nan, math.nan)


def places(picture: Image, color: str, alpha: float = 1.0) -> NDArray[np.float64]:
    """Return the middles (x, y) of the connected spots of a color, without those of the legend."""
    wanted = 255 * (np.array(to_rgb(color)) * alpha + 1 - alpha)
    near = (np.abs(picture - wanted).max(-1) < 12).astype(np.uint8)
    count, _, stats, middles = cv2.connectedComponentsWithStats(near)
    spots = [middles[i] for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] > 15]
    return np.array([spot for spot in spots if spot[1] < picture.shape[0] - 60]).reshape(-1, 2)


def test_a_dot_per_value_and_smaller_ones_to_the_left() -> None:
    panel = DotPanel("set", "px", [NOTHING, Dots([1.0, 2.0, 4.0], math.nan, math.nan)])
    picture = dot_plot(["above", "below"], [panel], "title")
    dots = places(picture, DOT, alpha=0.6)
    assert len(dots) == 3
    assert np.ptp(dots[:, 1]) < 2  # one row
    x = np.sort(dots[:, 0])
    assert (x[2] - x[1]) / (x[1] - x[0]) == pytest.approx(2, rel=0.05)


def test_rows_go_down_and_the_mean_is_marked() -> None:
    rows = [Dots([], 3.0, math.nan), Dots([], 1.0, 0.5)]
    picture = dot_plot(["first", "second"], [DotPanel("set", "px", rows)], "title")
    first, second = places(picture, MEAN)
    assert first[0] > second[0]
    assert second[1] - first[1] > 30


def test_an_infinite_value_is_an_arrow_at_the_edge() -> None:
    finite = Dots([1.0, 2.0], 1.5, math.nan)
    rows = [finite, Dots([1.5, math.inf], math.inf, math.nan)]
    picture = dot_plot(["a", "b"], [DotPanel("set", "px", rows)], "title")
    arrows = places(picture, DOT)
    assert len(arrows) == 1
    assert arrows[0][0] > places(picture, DOT, alpha=0.6)[:, 0].max()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_light_picture_of_any_number_of_panels(count: int) -> None:
    panel = DotPanel("a long name of a set", "EPE px", [Dots([1.0, 1.2], 1.1, math.nan)] * 3)
    picture = dot_plot(["batch", "group, crop_asymmetric", "domain"], [panel] * count, "title")
    assert picture.dtype == np.uint8
    assert np.median(picture) > 240
    assert len(places(picture, DOT, alpha=0.6)) == 6 * count
    assert len(places(picture, MEAN)) == 3 * count
