"""Views whose rows do not quite meet."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from dsmnet.augment.fields import drop, replace
from dsmnet.errors import UserError
from dsmnet.options import check_number, check_share
from dsmnet.types import StereoSample

_STEEPEST = 10.0  # degrees; no stereo rig is that far off


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
