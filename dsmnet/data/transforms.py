"""Sample -> sample: what training changes in a pair. Every transform keeps the disparity exact.

A transform is a callable ``(sample, rng) -> sample``; all randomness comes from ``rng``, so that a pair looks
the same whatever the number of workers and whether training was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from dsmnet.errors import DataError, UserError
from dsmnet.protocols import StereoBatch, StereoSample

Transform = Callable[[StereoSample, np.random.Generator], StereoSample]
_MAPS = ("left", "right", "disparity", "valid", "noc", "right_disparity", "right_valid", "foreground")


def _change_maps(sample: StereoSample, change: Callable[[NDArray[Any]], NDArray[Any]]) -> StereoSample:
    """Apply one change to every map of a sample."""
    changed = {
        key: change(cast("NDArray[Any]", value)) if key in _MAPS else value for key, value in sample.items()
    }
    return cast(StereoSample, changed)


class Compose:
    """One transform after the other."""

    def __init__(self, steps: Sequence[Transform]) -> None:
        self.steps = steps

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the changed sample."""
        for step in self.steps:
            sample = step(sample, rng)
        return sample


class RandomCrop:
    """Cut the same window out of both views; smaller images are first padded below and on the left.

    Args:
        height: of the window, pixels.
        width: of the window, pixels.
    """

    def __init__(self, height: int, width: int) -> None:
        if height < 1 or width < 1:
            raise UserError(f"transform: crop of {height}x{width} pixels; expected positive numbers")
        self.height, self.width = height, width

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the changed sample."""
        rows, columns = sample["left"].shape[:2]
        below, before = max(0, self.height - rows), max(0, self.width - columns)
        if below or before:
            # Added columns are unknown in both views: equal in images, not valid in maps.
            sample = _change_maps(
                sample, lambda m: np.pad(m, [(0, below), (before, 0)] + [(0, 0)] * (m.ndim - 2))
            )
        top = int(rng.integers(0, rows + below - self.height + 1))
        left = int(rng.integers(0, columns + before - self.width + 1))
        return _change_maps(sample, lambda m: m[top : top + self.height, left : left + self.width])


class SwapViews:
    """Mirror both views and exchange them: a new left view with the exact disparity of the old right one.

    Only samples that carry the right view's disparity are changed.

    Args:
        probability: how often.
    """

    def __init__(self, probability: float = 0.5) -> None:
        self.probability = probability

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the changed sample."""
        if rng.random() >= self.probability or "right_disparity" not in sample:
            return sample
        mirrored = _change_maps(sample, lambda m: m[:, ::-1])
        disparity = mirrored["right_disparity"]
        valid = mirrored.get("right_valid", disparity > 0)
        swapped = dict(mirrored)
        swapped.update(left=mirrored["right"], right=mirrored["left"], disparity=disparity, valid=valid)
        swapped.update(right_disparity=mirrored["disparity"], right_valid=mirrored["valid"])
        if "noc" in sample:
            swapped["noc"] = visible_in_both(disparity, valid, mirrored["disparity"], mirrored["valid"])
        return cast(StereoSample, swapped)


def visible_in_both(
    disparity: NDArray[np.float32],
    valid: NDArray[np.bool_],
    other: NDArray[np.float32],
    other_valid: NDArray[np.bool_],
    tolerance: float = 1.0,
) -> NDArray[np.bool_]:
    """Mark the points of a left view whose match carries the same disparity in the right view.

    Args:
        disparity: of the left view, pixels.
        valid: where it is known.
        other: disparity of the right view, pixels.
        other_valid: where that is known.
        tolerance: pixels.
    """
    rows, columns = disparity.shape
    x = np.arange(columns, dtype=np.float32)[None] - disparity
    y = np.broadcast_to(np.arange(rows, dtype=np.float32)[:, None], disparity.shape)
    nearest = np.rint(x).astype(np.int64)
    inside = (x >= 0) & (nearest < columns)
    column = np.clip(nearest, 0, columns - 1)
    row = y.astype(np.int64)
    same = np.abs(other[row, column] - disparity) <= tolerance
    return valid & inside & same & other_valid[row, column]


class ColourJitter:
    """Change gain, gamma and the balance of the channels, per view or of both alike.

    Args:
        strength: 0 for none; 0.3 lets gain and gamma vary by about 30 %.
        asymmetric: how often the two views get different changes.
        probability: how often anything is changed.
    """

    def __init__(self, strength: float = 0.3, asymmetric: float = 0.2, probability: float = 0.8) -> None:
        self.strength, self.asymmetric, self.probability = strength, asymmetric, probability

    def _table(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A look-up table [256, 1, 3]."""
        gain = np.exp(
            rng.uniform(-self.strength, self.strength, 3) * 0.3 + rng.uniform(-1, 1) * self.strength
        )
        gamma = np.exp(rng.uniform(-self.strength, self.strength))
        ramp = np.linspace(0, 1, 256)[:, None] ** gamma * gain
        return (np.clip(ramp, 0, 1) * 255).round().astype(np.uint8)[:, None]

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the changed sample."""
        if rng.random() >= self.probability:
            return sample
        tables = [self._table(rng)] * 2
        if rng.random() < self.asymmetric:
            tables = [tables[0], self._table(rng)]
        left, right = (
            cv2.LUT(np.ascontiguousarray(image), table)
            for image, table in zip((sample["left"], sample["right"]), tables, strict=True)
        )
        return cast(StereoSample, {**sample, "left": left, "right": right})


def collate(samples: Sequence[StereoSample], max_disparity: float | None = None) -> StereoBatch:
    """Stack samples of one size into a batch; the one place that defines ``valid``.

    Args:
        samples: all with a disparity, or all without.
        max_disparity: truth at or above it does not count (training's search range).

    Raises:
        DataError: the sizes differ.
    """
    sizes = {sample["left"].shape for sample in samples}
    if len(sizes) > 1:
        names = ", ".join(f"{s['name']} {s['left'].shape[:2]}" for s in samples)
        raise DataError(f"a batch needs images of one size, got {names}; use batch_size=1 or a crop")
    batch: dict[str, Any] = {
        "name": [sample["name"] for sample in samples],
        "dataset": [sample["dataset"] for sample in samples],
    }
    for key in ("left", "right"):
        images = np.stack([cast(Any, sample)[key] for sample in samples])
        tensor = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255)
        batch[key] = tensor.contiguous(memory_format=torch.channels_last)
    if all("disparity" in sample for sample in samples):
        disparity = torch.from_numpy(np.stack([sample["disparity"] for sample in samples]))[:, None]
        valid = torch.from_numpy(np.stack([sample["valid"] for sample in samples]))[:, None]
        if max_disparity is not None:
            valid = valid & (disparity < max_disparity)
        batch["disparity"], batch["valid"] = torch.where(valid, disparity, 0.0), valid
        if all("noc" in sample for sample in samples):
            batch["noc"] = torch.from_numpy(np.stack([sample["noc"] for sample in samples]))[:, None] & valid
    return cast(StereoBatch, batch)
