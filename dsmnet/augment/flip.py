"""Mirrored and exchanged views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from dsmnet.augment.adjust_calibration import mirror
from dsmnet.augment.fields import change_maps, drop, known
from dsmnet.options import check_share
from dsmnet.types import StereoSample


@dataclass
class RandomHorizontalFlip:
    """Mirror both views and exchange them: a new left view with the exact disparity of the old right one.

    Only samples that carry the right view's disparity are changed. `foreground`, known for one view, is left
    out.
    """

    probability: float = 0.5

    def __post_init__(self) -> None:
        check_share("probability", self.probability)

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the changed sample."""
        if rng.random() >= self.probability or "right_disparity" not in sample:
            return sample
        mirrored = change_maps(sample, lambda m: m[:, ::-1])
        disparity = mirrored["right_disparity"]
        valid = known(mirrored, "right_disparity", "right_valid")
        swapped = dict(drop(mirrored, "foreground"))
        swapped.update(left=mirrored["right"], right=mirrored["left"], disparity=disparity, valid=valid)
        swapped.update(right_disparity=mirrored["disparity"], right_valid=mirrored["valid"])
        if "noc" in sample:
            swapped["noc"] = visible_in_both(disparity, valid, mirrored["disparity"], mirrored["valid"])
        if "calibration" in sample:
            swapped["calibration"] = mirror(sample["calibration"], sample["left"].shape[1])
        return cast(StereoSample, swapped)


def visible_in_both(
    disparity: NDArray[np.float32],
    valid: NDArray[np.bool_],
    other: NDArray[np.float32],
    other_valid: NDArray[np.bool_],
    tolerance: float = 1.0,
) -> NDArray[np.bool_]:
    """Mark the points of a left view whose match carries the same disparity, in pixels, in the right one."""
    rows, columns = disparity.shape
    x = np.arange(columns, dtype=np.float32)[None] - disparity
    nearest = np.rint(x).astype(np.int64)
    inside = (x >= 0) & (nearest < columns)
    column = np.clip(nearest, 0, columns - 1)
    row = np.arange(rows)[:, None]
    same = np.abs(other[row, column] - disparity) <= tolerance
    return valid & inside & same & other_valid[row, column]
