"""Samples with everything a reader may write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest

from dsmnet.data.tree import Layout
from dsmnet.protocols import Calibration, StereoSample

SIZE = (37, 53)
CALIBRATION = Calibration(focal=710.5, baseline=0.25, cx=26.5, cy=18.0, doffs=4.25, max_disparity=48)


@pytest.fixture(name="make_samples")
def make_samples_fixture() -> Callable[..., list[StereoSample]]:
    return make_samples


def make_samples(count: int, seed: int = 0) -> list[StereoSample]:
    rng = np.random.default_rng(seed)
    samples: list[StereoSample] = []
    for _ in range(count):
        disparity, right_disparity = (
            np.where(rng.random(SIZE) < 0.8, rng.uniform(0.5, 80, SIZE), 0).astype(np.float32)
            for _ in range(2)
        )
        samples.append(
            {
                "left": rng.integers(0, 256, (*SIZE, 3), np.uint8),
                "right": rng.integers(0, 256, (*SIZE, 3), np.uint8),
                "name": "not written",
                "dataset": "not written",
                "disparity": disparity,
                "noc": (disparity > 0) & (rng.random(SIZE) < 0.7),
                "right_disparity": right_disparity,
                "foreground": rng.random(SIZE) < 0.3,
                "calibration": CALIBRATION,
            }
        )
    return samples


@pytest.fixture
def touch_pairs() -> Callable[[Path, Layout, Iterable[Mapping[str, str]]], None]:
    """Make a tree of full size without a single pixel: empty files of the pairs with these words."""

    def touch(root: Path, layout: Layout, pairs: Iterable[Mapping[str, str]]) -> None:
        folders: set[Path] = set()
        for words in pairs:
            for name in layout.paths(words).values():
                path = root / name
                if path.parent not in folders:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    folders.add(path.parent)
                path.touch()

    return touch
