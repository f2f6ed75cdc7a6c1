"""Semi-global block matching of OpenCV: the classical method that a network has to beat."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dsmnet.errors import ShapeError, UserError
from dsmnet.inference.gap_filling import known_beside
from dsmnet.inference.search import widened
from dsmnet.options import check_choice
from dsmnet.types import DisparityMap, Image, Mask, Matcher

_FIXED_POINT = 16  # OpenCV returns sixteenths of a pixel, and searches a multiple of 16 disparities
_MODES = {
    "sgbm": cv2.STEREO_SGBM_MODE_SGBM,
    "hh": cv2.STEREO_SGBM_MODE_HH,
    "sgbm_3way": cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    "hh4": cv2.STEREO_SGBM_MODE_HH4,
}


@dataclass(frozen=True)
class SGBM(Matcher):
    """OpenCV's StereoSGBM with every hole filled, so that it is scored on the same pixels as a network.

    OpenCV gives no disparity in the leftmost ``numDisparities`` columns; both views are therefore extended to
    the left by their first column, as far as the search goes. What is still a hole (not unique, not
    consistent, a speckle, or at the lower end of the range: disparity 0) takes the smaller of the nearest two
    disparities in its row, for a hole beside an object is as a rule background that only one view sees.

    Args:
        max_disparity: Search range in pixels when `predict` is given none.
        block_size: Side of the block in pixels, odd.
        p1: Penalty for a change of disparity by one between neighbours.
        p2: Penalty for a larger change.
        disp12_max_diff: Pixels by which left and right disparities may differ.
        pre_filter_cap: Bound on the horizontal derivative that is compared; OpenCV's default of 0, taken as
            15, is worse on KITTI 2015, Middlebury and ETH3D.
        uniqueness_ratio: Percent by which the best match must beat the second.
        speckle_window_size: Pixels; smaller islands are removed.
        speckle_range: Pixels by which disparity may vary within an island.
        mode: ``sgbm``, ``hh`` (all eight directions; memory grows with rows x columns x disparities),
            ``sgbm_3way`` or ``hh4``.

    Source: Hirschmueller, Stereo processing by semiglobal matching and mutual information, PAMI 2008, with
    the cost of Birchfield and Tomasi, PAMI 1998.
    """

    max_disparity: int = 192
    block_size: int = 5
    p1: int = 600
    p2: int = 2400
    disp12_max_diff: int = 1
    pre_filter_cap: int = 63
    uniqueness_ratio: int = 10
    speckle_window_size: int = 100
    speckle_range: int = 2
    mode: str = "hh"

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, _MODES)

    def predict(self, left: Image, right: Image, max_disparity: int | None = None) -> DisparityMap:
        """Match a pair of uint8 images [H, W, 3] (or grey [H, W]); return float32 [H, W], pixels, >= 0.

        The search range is rounded up to a multiple of 16; by default it is that of the matcher, more for
        images wider than 1,500 pixels. Views that differ in size are a ShapeError; ones that are not 8-bit,
        or too large for memory, a UserError.
        """
        if left.shape != right.shape:
            raise ShapeError(f"left view has shape {list(left.shape)}, right view {list(right.shape)}")
        if left.dtype != np.uint8 or right.dtype != np.uint8:
            raise UserError(f"StereoSGBM takes 8-bit images, not {left.dtype} and {right.dtype}")
        wanted = max_disparity or widened(self.max_disparity, left.shape[1])
        disparities = -(-wanted // _FIXED_POINT) * _FIXED_POINT
        wide_left = cv2.copyMakeBorder(left, 0, 0, disparities, 0, cv2.BORDER_REPLICATE)
        wide_right = cv2.copyMakeBorder(right, 0, 0, disparities, 0, cv2.BORDER_REPLICATE)
        matcher = cv2.StereoSGBM.create(
            minDisparity=0,
            numDisparities=disparities,
            blockSize=self.block_size,
            P1=self.p1,
            P2=self.p2,
            disp12MaxDiff=self.disp12_max_diff,
            preFilterCap=self.pre_filter_cap,
            uniquenessRatio=self.uniqueness_ratio,
            speckleWindowSize=self.speckle_window_size,
            speckleRange=self.speckle_range,
            mode=_MODES[self.mode],
        )
        try:
            fixed = matcher.compute(wide_left, wide_right)
        except cv2.error as error:
            height, width = left.shape[:2]
            raise UserError(
                f"StereoSGBM, mode={self.mode}, fails on {width}x{height} pixels and {disparities} "
                f"disparities ({error}); mode=sgbm needs far less memory"
            ) from error
        disparity = (fixed[:, disparities:] / _FIXED_POINT).astype(np.float32)
        return fill_holes(disparity, disparity <= 0)


def fill_holes(disparity: DisparityMap, holes: Mask) -> DisparityMap:
    """Fill each hole with the smaller of the nearest known values left and right; 0 in a row without any."""
    filled = np.fmin(*known_beside(disparity, ~holes))
    return np.where(np.isfinite(filled), filled, 0).astype(np.float32)
