"""Pack a cloud for the page: eleven bytes a point, as fine as the disparity it came from."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsmnet.viz.cloud import UNEVEN, Cloud
from dsmnet.viz.color import color_table
from dsmnet.viz.legend import disparity_ticks
from dsmnet.viz.single_file import base64_text, fill_page, hex_color

_LEVELS = 2**16 - 1
# Digits of a tick, the roundest first.
_ROUND = ((1.0, 2.0, 5.0), (3.0,), (1.5, 4.0), (7.0,), (2.5,), (1.2, 1.7, 3.5, 6.0, 8.0))
_TICK_GAP = 0.13  # of the scale's length: closer labels would touch
_STEEPEST = 99.9  # percentile of the slopes: steeper ones are shown as if they had this one
_COLOR_RANGE = (1.0, 99.0)  # percentiles, as of a disparity map's colors


class Packed(NamedTuple):
    """Points as whole numbers: value = low + step * stored, of x / z, y / z and 1 / z."""

    stored: NDArray[np.uint16]  # [N, 3]
    low: NDArray[np.float64]  # [3]
    step: NDArray[np.float64]  # [3]
    # [N, 2], of 1 / z from a pixel to the next, right and down, in units of `steepest`
    slopes: NDArray[np.int8]
    steepest: float  # 1 / metres


def pack(cloud: Cloud) -> Packed:
    """Store points evenly in the image and in inverse depth, as the camera measures them.

    Sixteen bits of metres would be too coarse for what is near and needlessly fine for what is far.
    """
    x, y, z = cloud.points.T.astype(np.float64)
    values = np.stack([x / z, y / z, 1 / z], axis=-1)
    low, high = values.min(axis=0), values.max(axis=0)
    step = np.maximum(high - low, 1e-9) / _LEVELS
    steepest = max(float(np.percentile(np.abs(cloud.slopes), _STEEPEST)), 1e-12)
    slopes = np.rint(np.clip(cloud.slopes / steepest, -1, 1) * 127).astype(np.int8)
    return Packed(np.rint((values - low) / step).astype(np.uint16), low, step, slopes, steepest / 127)


def depth_ticks(near: float, far: float) -> list[tuple[float, float]]:
    """Return round depths in metres and their places on a scale that is even in inverse depth, far at 0."""
    exponents = range(math.floor(math.log10(near)), math.ceil(math.log10(far)) + 1)
    ticks: list[tuple[float, float]] = []
    for digits in _ROUND:
        for depth in (digit * 10.0**exponent for exponent in exponents for digit in digits):
            place = (1 / depth - 1 / far) / (1 / near - 1 / far)
            if 0 <= place <= 1 and all(abs(place - other) >= _TICK_GAP for _, other in ticks):
                ticks.append((depth, place))
    if len(ticks) < 2:  # a range too narrow for one or two digits
        round_depths = disparity_ticks((near, far), 5)
        ticks = [(depth, (1 / depth - 1 / far) / (1 / near - 1 / far)) for depth in round_depths]
    return sorted(ticks, reverse=True)


def render_cloud(cloud: Cloud, title: str) -> str:
    """Return a page that needs nothing else: one file, drawn with WebGL, of 15 bytes for each point."""
    packed, camera = pack(cloud), cloud.camera
    inverse = np.percentile(1 / cloud.points[:, 2].astype(np.float64), _COLOR_RANGE)
    far, near = 1 / inverse[0], 1 / max(inverse[1], inverse[0] * 1.001)
    spacing = cloud.step * (1.0 if cloud.step == 1 else UNEVEN)  # pixels
    frame = [
        ((edge - 0.5 - centre) / camera.focal)
        for size, centre in ((camera.width, camera.cx), (camera.height, camera.cy))
        for edge in (0, size)
    ]
    scene = {
        "low": packed.low.tolist(),
        "step": packed.step.tolist(),
        "frame": frame,  # x / z of the image's left and right edge, y / z of its upper and lower one
        "spacing": spacing / camera.focal,  # of neighbouring points, in x / z
        "slope": spacing * packed.steepest,  # unit of their change of 1 / z over that distance
        "middle": list(cloud.middle),
        "depths": [far, near],  # metres: of the first and the last color of the scale
    }
    return fill_page(
        "dsmnet.viz.cloud_page",
        "cloud",
        ("scene", "drawing", "controls"),
        title=title,
        count=len(cloud.points),
        step=cloud.step,
        scene=scene,
        points=base64_text(packed.stored.astype("<u2").tobytes()),
        colors=base64_text(cloud.colors.tobytes()),
        slopes=base64_text(packed.slopes.tobytes()),
        table=base64_text(color_table().tobytes()),
        stops=[hex_color(color) for color in color_table(size=13)],
        ticks=depth_ticks(near, far),
    )
