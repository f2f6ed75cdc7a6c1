"""Views that look a little past each other, along their rows or across them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np

from dsmnet.augment.adjust_calibration import add_disparity, move
from dsmnet.augment.fields import TARGETS, change_maps, drop, hide_unmatched, known, replace
from dsmnet.errors import DataError, UserError
from dsmnet.options import check_number, check_share
from dsmnet.types import StereoSample

_STEEPEST = 10.0  # degrees; no stereo rig is that far off


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


@dataclass
class VerticalMisalignment:
    """Move the right view's rows, as an imperfect rectification does; the left view's ground truth stays.

    The rows move down by a constant and turn about the middle by a small angle. Only the vertical part of the
    turn is done (a shear): its horizontal part would change the disparity. The right view's ground truth,
    whose rows are no longer those of its image, is left out: exchange the views before, not after.
    """

    shift: float = 0.5  # largest, pixels up or down
    angle: float = 0.05  # largest, degrees; 0.1 moves the sides of a view of 640 columns by 0.6 pixels
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_number("vertical shift", self.shift, least=0)
        check_number("angle", self.angle, least=0)
        if self.angle > _STEEPEST:
            raise UserError(f"transform: angle={self.angle}: expected at most {_STEEPEST:g} degrees")
        check_share("probability", self.probability)

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the changed sample."""
        if rng.random() >= self.probability:
            return sample
        rows, columns = sample["right"].shape[:2]
        slope = math.tan(math.radians(rng.uniform(-self.angle, self.angle)))
        down = rng.uniform(-self.shift, self.shift) - slope * (columns - 1) / 2
        right = cv2.warpAffine(
            np.ascontiguousarray(sample["right"]),
            np.array([[1, 0, 0], [slope, 1, down]]),
            (columns, rows),
            flags=cv2.INTER_CUBIC,  # linear would blur this view alone
            borderMode=cv2.BORDER_REPLICATE,
        )
        return replace(drop(sample, "right_disparity", "right_valid"), right=np.asarray(right, np.uint8))
