"""Time and memory against the size of the pair and the search range, as a whole and in tiles."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.memory import in_own_process, peak
from dsmnet.errors import UserError
from dsmnet.inference.tiled import in_tiles
from dsmnet.synthetic import SyntheticStereo
from dsmnet.types import Image, Matcher


@dataclass(frozen=True)
class Point:
    """One pair matched once.

    `seconds` are the process's own time, all threads: other processes hardly change it. `memory` is the most
    that the process held, `growth` how much of that came with this pair, bytes.
    """

    way: str  # whole | tiled
    height: int
    width: int
    max_disparity: int
    seconds: float
    memory: float
    growth: float

    @property
    def cells(self) -> float:
        """Pixels x disparities."""
        return float(self.height) * self.width * self.max_disparity

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of scaling.json."""
        return asdict(self)


@dataclass(frozen=True)
class Fit:
    """Cost of a pair: per pixel, and per pixel and disparity."""

    per_pixel: float
    per_cell: float


def measure(
    build: Callable[[], Matcher],
    size: Sequence[int],
    max_disparity: int,
    tiles: dict[str, Any] | None,
    threads: int | None = None,
) -> Point:
    """Match a generated pair in a fresh process, after a small one that is not timed.

    Args:
        build: Function that builds the network; importable from anywhere.
        size: Height and width, pixels.
        max_disparity: Search range in pixels; the nearest surface has most of it as its disparity.
        tiles: Options `tile`, `overlap` and `memory` of `in_tiles`; None for the whole at once.
        threads: Threads of the CPU's kernels.

    Raises:
        UserError: An option is impossible, or the process died.
    """
    if len(size) != 2 or min(size) < 1 or max_disparity < 1:
        raise UserError(
            f"size={list(size)}, range={max_disparity}: expected height, width and range in pixels"
        )
    what = f"{size[0]}x{size[1]}, {max_disparity} px"
    found = in_own_process(_match_once, build, tuple(size), max_disparity, tiles, threads, what=what)
    return Point("tiled" if tiles else "whole", size[0], size[1], max_disparity, *found)


def fit(points: Sequence[Point], value: str) -> Fit:
    """Fit `value` of the points by pixels and cells, with the same relative weight for all of them.

    Values below a hundredth of the largest one, zero above all, weigh as much as that hundredth: a small pair
    may fit into memory that the process already holds.

    Raises:
        UserError: Fewer than two points.
    """
    if len(points) < 2:
        raise UserError(f"points: expected two or more to fit {value}, got {len(points)}")
    values = np.array([getattr(point, value) for point in points])
    costs = np.array([[point.height * point.width, point.cells] for point in points])
    scale = np.maximum(values, values.max() / 100 or 1.0)
    per_pixel, per_cell = np.linalg.lstsq(costs / scale[:, None], values / scale, rcond=None)[0]
    return Fit(float(per_pixel), float(per_cell))


def views(size: tuple[int, int], max_disparity: int) -> tuple[Image, Image]:
    """Return a generated pair that has disparities up to the search range, but for the last tenth of it."""
    near = min(0.95 * max_disparity, size[1] / 2)
    scenes = SyntheticStereo(
        size=size, largest_disparity=near, min_near=max(1.0, 0.9 * near), layouts={"ground": 1}
    )
    return scenes[0]["left"], scenes[0]["right"]


def _match_once(
    build: Callable[[], Matcher],
    size: tuple[int, int],
    max_disparity: int,
    tiles: dict[str, Any] | None,
    threads: int | None,
) -> tuple[float, float, float]:
    """Return processor seconds, peak and growth of the memory in bytes."""
    if threads:
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)
    net = build()
    left, right = views(size, max_disparity)
    net.predict(left[:128, :128], right[:128, :128], 64)
    matcher = in_tiles(net, **tiles) if tiles else net
    before, start = peak(False), time.process_time()
    matcher.predict(left, right, max_disparity)
    seconds, most = time.process_time() - start, peak(False)
    return round(seconds, 3), most * 2**20, (most - before) * 2**20
