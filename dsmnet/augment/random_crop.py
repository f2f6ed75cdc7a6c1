"""A window of both views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsmnet.augment.adjust_calibration import move
from dsmnet.augment.fields import change_maps, replace
from dsmnet.options import check_share, check_whole
from dsmnet.types import Mask, StereoSample


@dataclass
class RandomCrop:
    """Cut the same window out of both views; smaller images are first padded below and on the left.

    `noc` goes on to say what the whole views show: the match of a point may lie left of the window.
    `RandomScaleCrop`, which without a range of scales does the same otherwise, takes such points out.
    """

    height: int  # of the window, pixels
    width: int
    min_valid: float = (
        0.0  # share of the window whose disparity should be known; sparse maps have empty places
    )
    tries: int = 1  # windows to draw until one has that share; if none has, the closest one is taken

    def __post_init__(self) -> None:
        check_whole("height", self.height)
        check_whole("width", self.width)
        check_share("min_valid", self.min_valid)
        check_whole("tries", self.tries)

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the changed sample."""
        sample, _ = pad(sample, self.height, self.width)
        size = (self.height, self.width)
        return cut(sample, choose_corner(sample, size, rng, self.min_valid, self.tries), size)


def pad(sample: StereoSample, height: int, width: int) -> tuple[StereoSample, int]:
    """Bring a sample to at least this size, below and on the left.

    Returns:
        The sample, and the number of columns added. They are unknown in both views: equal in images, not
        valid in maps.
    """
    rows, columns = sample["left"].shape[:2]
    below, before = max(0, height - rows), max(0, width - columns)
    if below or before:
        sample = change_maps(sample, lambda m: np.pad(m, [(0, below), (before, 0)] + [(0, 0)] * (m.ndim - 2)))
        if "calibration" in sample:
            sample = replace(sample, calibration=move(sample["calibration"], right=before))
    return sample, before


def choose_corner(
    sample: StereoSample, size: tuple[int, int], rng: np.random.Generator, min_valid: float, tries: int
) -> tuple[int, int]:
    """Draw the top left corner (y, x) of a window of this size (height, width); see `RandomCrop`."""
    rows, columns = sample["left"].shape[:2]
    best, corner = -1.0, (0, 0)
    for _ in range(tries):
        top = int(rng.integers(0, rows - size[0] + 1))
        left = int(rng.integers(0, columns - size[1] + 1))
        if "valid" not in sample or not min_valid:
            return top, left
        share = _share(sample["valid"], top, left, size)
        if share > best:
            best, corner = share, (top, left)
        if share >= min_valid:
            break
    return corner


def cut(sample: StereoSample, corner: tuple[int, int], size: tuple[int, int]) -> StereoSample:
    """Cut a window out of every map, given its top left corner (y, x) and its (height, width)."""
    (top, left), (height, width) = corner, size
    window = change_maps(sample, lambda m: m[top : top + height, left : left + width])
    if "calibration" in sample:
        window = replace(window, calibration=move(sample["calibration"], right=-left, down=-top))
    return window


def _share(valid: Mask, top: int, left: int, size: tuple[int, int]) -> float:
    window = valid[top : top + size[0], left : left + size[1]]
    return np.count_nonzero(window) / window.size
