"""Boxes of the right view that show nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np

from dsmnet.augment.fields import replace
from dsmnet.options import check_share, check_whole_range
from dsmnet.types import StereoSample


@dataclass
class RandomOcclusion:
    """Fill boxes of the right view with its mean color, as if something stood before that camera.

    The left view's ground truth stays, since a network should fill in what is hidden; points whose match is
    erased are no longer `noc`, and the right view's ground truth is no longer valid in the boxes. In the
    manner of RAFT-Stereo and DSMNet.
    """

    probability: float = 0.5
    boxes: tuple[int, int] = (1, 2)  # least and largest number
    size: tuple[int, int] = (
        50,
        100,
    )  # least and largest height and width, pixels; boxes may extend beyond the view

    def __post_init__(self) -> None:
        check_share("probability", self.probability)
        check_whole_range("boxes", self.boxes)
        check_whole_range("size", self.size)

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the changed sample."""
        if rng.random() >= self.probability:
            return sample
        right = np.array(sample["right"], order="C")
        maps = cast("dict[str, Any]", sample)
        changed = {key: maps[key].copy() for key in ("noc", "right_valid") if key in maps}
        color = np.rint(cv2.mean(right)[:3]).astype(np.uint8)
        rows, columns = right.shape[:2]
        for _ in range(rng.integers(*self.boxes, endpoint=True)):
            top, left = int(rng.integers(rows)), int(rng.integers(columns))
            height, width = (int(v) for v in rng.integers(*self.size, 2, endpoint=True))
            lines, box = slice(top, top + height), slice(left, left + width)
            right[lines, box] = color
            if "right_valid" in changed:
                changed["right_valid"][lines, box] = False
            if "noc" in changed:
                match = np.arange(columns, dtype=np.float32) - sample["disparity"][lines]
                # Between two columns both count.
                changed["noc"][lines] &= (match <= left - 1) | (match >= left + width)
        return replace(sample, right=right, **changed)
