"""Procedural pairs per second and core."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import cv2

from benchmarks.rate import Rate
from dsmnet.synthetic import SyntheticStereo


def cases(sizes: Sequence[Sequence[int]], targets: Sequence[float], pairs: int, device: str) -> list[Rate]:
    """Return a case per size."""
    return [
        Rate(f"pairs of {h}x{w}", functools.partial(draw_pairs, h, w, pairs), pairs, target)
        for (h, w), target in zip(sizes, targets, strict=True)
    ]


def draw_pairs(height: int, width: int, count: int) -> Callable[[], None]:
    """Draw the textures; return what makes pairs on one thread."""
    data = SyntheticStereo(size=(height, width), largest_disparity=width / 4)
    data.bank()

    def run() -> None:
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        for i in range(count):
            data[i]
        cv2.setNumThreads(threads)

    return run
