"""Another size: images are filtered, ground truth is looked up or carried over, never mixed.

Pixel x of a view of width W becomes ``(x + 0.5) * factor - 0.5``, in both views alike, so a disparity d
becomes exactly ``d * factor``.
"""

from __future__ import annotations

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.augment.adjust_calibration import scale
from dsmnet.augment.fields import TARGETS, drop, known, replace
from dsmnet.types import DisparityMap, Image, Mask, StereoSample

ONE_SURFACE = 1.0  # pixels: four neighbours whose disparities differ by more are not interpolated
_SPARSE = 0.6  # share of known pixels within a known 2x2 block; KITTI has 0.13 to 0.31, dense sets 0.91 to 1


def is_sparse(valid: Mask) -> bool:
    """Tell points of a laser scanner, which have few known neighbours, from a map with holes."""
    whole = np.count_nonzero(_erode(valid))
    return bool(whole < _SPARSE * np.count_nonzero(valid))


def resize(sample: StereoSample, height: int, width: int, sparse: bool) -> StereoSample:
    """Bring a sample to another size; without `calibration` where the factors differ too much for it.

    Ground truth that is `sparse` is carried, each known pixel to where it falls; else every new pixel is
    looked up in the old map.
    """
    rows, columns = sample["left"].shape[:2]
    if (rows, columns) == (height, width):
        return sample
    vertical, horizontal = height / rows, width / columns
    changed: dict[str, Any] = {side: resize_image(sample[side], height, width) for side in ("left", "right")}
    nearest = _nearest(rows, height), _nearest(columns, width)
    if "foreground" in sample:
        changed["foreground"] = _look_up(sample["foreground"], *nearest)
    method = _scatter if sparse else _interpolate
    maps = cast("dict[str, Any]", sample)
    for disparity, valid in TARGETS:
        if disparity in sample:
            mask = known(sample, disparity, valid)
            has_noc = disparity == "disparity" and "noc" in sample
            noc = sample["noc"] if has_noc else mask
            value, changed[valid], noc = method(maps[disparity], mask, noc, (height, width))
            changed[disparity] = value * np.float32(horizontal)
            if has_noc:
                changed["noc"] = noc
    if "calibration" in sample:
        calibration = scale(sample["calibration"], horizontal, vertical)
        sample = drop(sample, "calibration")
        if calibration is not None:
            changed["calibration"] = calibration
    return replace(sample, **changed)


def resize_image(image: Image, height: int, width: int) -> Image:
    """Scale a view; shrinking averages, so that fine texture does not alias differently in the two views."""
    shrinks = height <= image.shape[0] and width <= image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR_EXACT  # the other one darkens by 0.13 of 255
    return np.asarray(
        cv2.resize(np.ascontiguousarray(image), (width, height), interpolation=method), np.uint8
    )


def _interpolate(
    disparity: DisparityMap, valid: Mask, noc: Mask, size: tuple[int, int]
) -> tuple[DisparityMap, Mask, Mask]:
    """Interpolate where the four neighbours are known and one surface, else take the nearest."""
    (rows, columns), (height, width) = disparity.shape, size
    disparity = np.ascontiguousarray(disparity)
    block = np.ones((2, 2), np.uint8)
    spread = cv2.dilate(disparity, block, anchor=(0, 0)) - cv2.erode(disparity, block, anchor=(0, 0))
    smooth = (spread <= ONE_SURFACE) & _erode(valid)
    smooth = _look_up(smooth, _before(rows, height), _before(columns, width))
    nearest = _nearest(rows, height), _nearest(columns, width)
    linear = cv2.resize(disparity, (width, height), interpolation=cv2.INTER_LINEAR)
    mask = _look_up(valid, *nearest)
    value = np.where(smooth, linear, _look_up(disparity, *nearest))
    return np.where(mask, value, np.float32(0)), mask, _look_up(noc, *nearest)


def _scatter(
    disparity: DisparityMap, valid: Mask, noc: Mask, size: tuple[int, int]
) -> tuple[DisparityMap, Mask, Mask]:
    """Each known pixel where it falls; of several on one pixel, the one in front."""
    y, x = np.nonzero(valid)
    order = np.argsort(disparity[y, x], kind="stable")  # the last one written stays
    y, x = y[order], x[order]
    target = tuple(
        np.minimum((place + 0.5) * (new / old), new - 1).astype(np.intp)
        for place, new, old in zip((y, x), size, disparity.shape, strict=True)
    )
    value, mask, seen = np.zeros(size, np.float32), np.zeros(size, bool), np.zeros(size, bool)
    value[target], mask[target], seen[target] = disparity[y, x], True, noc[y, x]
    return value, mask, seen


def _erode(mask: Mask) -> Mask:
    """Mark where a pixel and its neighbours right, below and right below are all set."""
    small = cv2.erode(mask.astype(np.uint8), np.ones((2, 2), np.uint8), anchor=(0, 0))
    return np.asarray(small, bool)


def _nearest(old: int, new: int) -> NDArray[np.intp]:
    """Return for each new pixel the old one in which its centre lies."""
    return np.minimum((np.arange(new) + 0.5) * (old / new), old - 1).astype(np.intp)


def _before(old: int, new: int) -> NDArray[np.intp]:
    """Return for each new pixel the first of the two old ones between whose centres its own lies."""
    return np.clip(np.floor((np.arange(new) + 0.5) * (old / new) - 0.5), 0, old - 1).astype(np.intp)


def _look_up(values: NDArray[Any], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[Any]:
    return np.take(np.take(values, rows, axis=0), columns, axis=1)
