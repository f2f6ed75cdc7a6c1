"""Views that look a little past each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from dsmnet.augment.adjust_calibration import add_disparity, move
from dsmnet.augment.fields import TARGETS, change_maps, hide_unmatched, known, replace
from dsmnet.errors import DataError
from dsmnet.options import check_number
from dsmnet.types import StereoSample


@dataclass
class RandomShift:
    """Shift the right view against the left one by whole pixels; every disparity changes by as much.

    Columns that one view lacks are cut off in both, so the views get narrower. Points whose disparity would
    not be positive any more are no longer valid. The calibration's `doffs` takes up the shift. In the manner
    of DSMNet.
    """

    pixels: int = 3  # largest shift, either way

    def __post_init__(self) -> None:
        self.pixels = int(check_number("shift", self.pixels, least=0))

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the changed sample."""
        columns = sample["left"].shape[1]
        if columns <= self.pixels:
            raise DataError(f"{sample['name']}: {columns} columns cannot be shifted by {self.pixels} pixels")
        return shift(sample, int(rng.integers(-self.pixels, self.pixels, endpoint=True)))


def shift(sample: StereoSample, pixels: int) -> StereoSample:
    """Let every disparity grow by so many pixels, or shrink by -pixels."""
    if not pixels:
        return sample
    width = sample["left"].shape[1] - abs(pixels)
    first_left, first_right = max(-pixels, 0), max(pixels, 0)
    left_part, right_part = (slice(first, first + width) for first in (first_left, first_right))
    moved = cast("dict[str, Any]", change_maps(sample, lambda m: m[:, left_part]))
    for key in ("right", "right_disparity", "right_valid"):
        if key in sample:
            moved[key] = cast("dict[str, Any]", sample)[key][:, right_part]
    for disparity, valid in TARGETS:
        if disparity in moved:
            value = moved[disparity] + np.float32(pixels)
            moved[valid] = known(cast(StereoSample, moved), disparity, valid) & (value > 0)
            moved[disparity] = np.where(moved[valid], value, np.float32(0))
    changed = cast(StereoSample, moved)
    if "noc" in changed:
        changed = hide_unmatched(replace(changed, noc=changed["noc"] & changed["valid"]))
    if "calibration" in sample:
        calibration = add_disparity(sample["calibration"], pixels)
        changed = replace(changed, calibration=move(calibration, right=-first_left))
    return changed
