"""A sequence of the generator: a scene that stands still, a patch that moves across it, and noise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from dsmnet.synthetic import SyntheticStereo


class SequenceFrame(NamedTuple):
    left: np.ndarray
    right: np.ndarray
    disparity: np.ndarray  # ground truth
    patch: np.ndarray  # bool, where the patch is
    edge: np.ndarray  # bool, near its outline


def sequence(
    frames: int, noise: float = 4.0, step: int = 3, ahead: float = 6.0, size: tuple[int, int] = (96, 192)
) -> Iterator[SequenceFrame]:
    """Yield frames; the patch is `ahead` pixels of disparity nearer than the nearest that it covers."""
    scenes = SyntheticStereo(7, size=size, largest_disparity=24)
    still, texture = scenes[1], scenes[2]["left"]
    rng = np.random.default_rng(0)
    for number in range(frames):
        shape = np.zeros(size, np.uint8)
        cv2.ellipse(shape, (45 + step * number, size[0] // 2), (22, 28), 20, 0, 360, 1, -1)
        patch = shape > 0
        shift = int(np.ceil(still["disparity"][still["valid"]].max() + ahead)) if ahead > 1 else 0
        disparity = still["disparity"].copy()
        disparity[patch] = shift or disparity[patch] + ahead
        moved = np.roll(texture, step * number, axis=1)
        views = [still["left"].copy(), still["right"].copy()]
        views[0][patch] = moved[patch]
        rows, columns = np.nonzero(patch)
        seen = columns >= shift
        views[1][rows[seen], columns[seen] - shift] = moved[rows[seen], columns[seen]]
        noisy = [np.clip(view + rng.normal(0, noise, view.shape), 0, 255).astype(np.uint8) for view in views]
        near = cv2.dilate(shape, np.ones((9, 9), np.uint8)) != cv2.erode(shape, np.ones((9, 9), np.uint8))
        yield SequenceFrame(noisy[0], noisy[1], disparity.astype(np.float32), patch, near)
