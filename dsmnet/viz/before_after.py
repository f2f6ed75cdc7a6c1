"""Disparity of some pairs before and after an adaptation, beside the labels that it was adapted to."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from dsmnet.types import DisparityMap, Image
from dsmnet.viz.canvas import Label, blank, write
from dsmnet.viz.color import color_disparity, disparity_range

_TILE, _HEAD = 400, 28  # pixels
_TITLES = ("left view", "before", "after", "label, black where masked")


def before_and_after(rows: Sequence[tuple[Image, DisparityMap, DisparityMap, DisparityMap]]) -> Image:
    """Draw a row per pair: left view, disparity before and after, label; one range of colors for all."""
    drawn = []
    for left, *maps in rows:
        limits = disparity_range(maps[0])
        height = max(1, round(left.shape[0] * _TILE / left.shape[1]))
        tiles = [left, *(color_disparity(each, limits) for each in maps)]
        drawn.append(
            np.hstack([cv2.resize(tile, (_TILE, height), interpolation=cv2.INTER_AREA) for tile in tiles])
        )
    canvas = np.vstack([blank(_HEAD, len(_TITLES) * _TILE), *drawn])
    return write(canvas, [Label(k * _TILE + 6, _HEAD / 2, title, 14) for k, title in enumerate(_TITLES)])
