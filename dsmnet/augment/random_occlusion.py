"""Boxes of the right view that show nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import cv2
import numpy as np

from dsmnet.augment.fields import replace
from dsmnet.options import check_share, check_whole_range
from dsmnet.types import StereoSample


class RandomOcclusion:
    """Fill boxes of the right view with its mean color, as if something stood before that camera.

    The left view's ground truth stays, since a network should fill in what is hidden; points whose match is
    erased are no longer `noc`, and the right view's ground truth is no longer valid in the boxes. In the
    manner of RAFT-Stereo and DSMNet.

    Args:
        probability: How often.
        boxes: Least and largest number of boxes.
        size: Least and largest height and width of a box, pixels; a box may extend beyond the view.

    Raises:
        UserError: An argument is out of range.
    """

    def __init__(
        self, probability: float = 0.5, boxes: Sequence[int] = (1, 2), size: Sequence[int] = (50, 100)
    ) -> None:
        self.probability = check_share("probability", probability)
        self.boxes, self.size = check_whole_range("boxes", boxes), check_whole_range("size", size)

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
