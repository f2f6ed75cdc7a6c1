"""One image's errors, counted by what kind of pixel they are on: every region and cap is a sum of cells.

The error is worked out once. Each pixel with known ground truth then falls into one cell of

==========  ==========================================================================
visible     the set does not say | seen by both views | by the left one only
below       true disparity 192 px or more | below
scored      not by the protocol | by the protocol
object      the set does not say | background | foreground
==========  ==========================================================================

and a cell holds `QUANTITIES` of its pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dsmnet.evaluation.jsonable import finite
from dsmnet.metrics.functional import absolute_error, outliers
from dsmnet.types import DisparityMap, Mask, StereoSample

CAP = 192  # px, the bound on true disparity that most publications have
THRESHOLDS = {"bad0.5": 0.5, "bad1": 1.0, "bad2": 2.0, "bad3": 3.0}
MEASURES = ("epe", *THRESHOLDS, "d1")
QUANTITIES = ("pixels", *MEASURES, "non_finite")  # the sum of errors under "epe", else numbers of pixels

Cells = NDArray[np.float64]  # [3, 2, 2, 3, len(QUANTITIES)]
Sums = NDArray[np.float64]  # [len(QUANTITIES)], of a region

_SHAPE = (3, 2, 2, 3)
_OUTCOMES = (len(THRESHOLDS) + 1) * 2 * 2  # thresholds exceeded, D1 or not, an answer or none
_VISIBLE = {"noc": slice(1, 2), "occ": slice(2, 3), "all": slice(None)}


def count_cells(sample: StereoSample, prediction: DisparityMap, scored: Mask) -> Cells:
    """Count an image's errors.

    Args:
        sample: With ``disparity`` and ``valid``; ``noc`` and ``foreground`` where the set tells them.
        prediction: of the left view, [H, W], pixels.
        scored: The pixels of the protocol, all valid, [H, W].
    """
    known = np.flatnonzero(sample["valid"])
    target = torch.from_numpy(sample["disparity"].reshape(-1)[known])[None]
    answer = torch.from_numpy(prediction.reshape(-1)[known])[None]
    error = absolute_error(answer, target, torch.ones_like(target, dtype=torch.bool))
    level = sum(
        ((error > threshold).byte() for threshold in THRESHOLDS.values()), start=torch.zeros(1).byte()
    )

    # One small number per pixel, so that two passes count everything.
    code = _told(sample.get("noc"), known, if_true=1, if_false=2)
    code = 2 * code + (target < CAP)[0].numpy()
    code = 2 * code + scored.reshape(-1)[known]
    code = (3 * code + _told(sample.get("foreground"), known, if_true=2, if_false=1)).astype(np.int64)
    code *= _OUTCOMES
    code += (4 * level + 2 * outliers(error, target) + torch.isinf(error))[0].numpy()
    size = math.prod(_SHAPE) * _OUTCOMES
    number = np.bincount(code, minlength=size).reshape(*_SHAPE, len(THRESHOLDS) + 1, 2, 2)
    total = np.bincount(code, weights=error[0].numpy(), minlength=size).reshape(number.shape)
    beyond = [number[..., rank + 1 :, :, :].sum((-3, -2, -1)) for rank in range(len(THRESHOLDS))]
    counted = [number[..., 1, :].sum((-2, -1)), number[..., 1].sum((-2, -1))]
    return np.stack([number.sum((-3, -2, -1)), total.sum((-3, -2, -1)), *beyond, *counted], axis=-1)


def scored_sums(cells: Cells) -> Sums:
    """Return the sums over the pixels that the protocol scores."""
    return cells[:, :, 1].sum((0, 1, 2))


def region_sums(cells: Cells, pixels: str, cap: bool = False) -> Sums:
    """Return the sums over the pixels "noc", "occ" or "all"; with `cap` of true disparity below 192 px."""
    return cells[_VISIBLE[pixels], 1 if cap else 0 :].sum((0, 1, 2, 3))


def object_sums(cells: Cells, pixels: str) -> dict[str, Sums]:
    """Return the sums over background ("bg"), foreground ("fg") and both ("all")."""
    by_object = cells[_VISIBLE[pixels]].sum((0, 1, 2))
    return {"bg": by_object[1], "fg": by_object[2], "all": by_object[1:].sum(0)}


def scores(sums: Sums) -> dict[str, float]:
    """Return the EPE in pixels and the others of `MEASURES` in percent; nan without a pixel."""
    pixels = sums[0]
    if not pixels:
        return dict.fromkeys(MEASURES, float("nan"))
    by_name = dict(zip(QUANTITIES, (sums / pixels).tolist(), strict=True))
    return {name: by_name[name] * (1 if name == "epe" else 100) for name in MEASURES}


def regions(images: Sequence[Cells]) -> dict[str, Any]:
    """Return the entry ``regions`` of results.json: pixels x cap x average, where there is such a pixel."""
    entry: dict[str, Any] = {}
    for pixels in _VISIBLE:
        caps = {"none": False, str(CAP): True}
        found = {
            name: _averages([region_sums(cells, pixels, cap) for cells in images])
            for name, cap in caps.items()
        }
        if found["none"]["pixels"]:
            entry[pixels] = found
    return entry


def objects(images: Sequence[Cells]) -> dict[str, Any]:
    """Return KITTI's D1-bg, D1-fg and D1-all, pooled over the images whose objects are known."""
    entry: dict[str, Any] = {}
    for pixels in ("noc", "all"):
        sums = [object_sums(cells, pixels) for cells in images]
        known = [one for one in sums if one["all"][0]]
        if known:
            total = {part: np.sum([one[part] for one in known], axis=0) for part in known[0]}
            shares = {f"d1_{part}": finite(scores(one)["d1"]) for part, one in total.items()}
            entry[pixels] = {"images": len(known), **shares}
    return entry


def _averages(sums: Sequence[Sums]) -> dict[str, Any]:
    seen = [one for one in sums if one[0]]
    total = np.sum(seen, axis=0) if seen else np.zeros(len(QUANTITIES))
    single = [scores(one) for one in seen]
    mean = (
        {name: float(np.mean([one[name] for one in single])) for name in MEASURES} if seen else scores(total)
    )
    return {
        "images": len(seen),
        "pixels": int(total[0]),
        "image": {name: finite(value) for name, value in mean.items()},
        "pixel": {name: finite(value) for name, value in scores(total).items()},
    }


def _told(mask: Mask | None, known: NDArray[np.intp], if_true: int, if_false: int) -> NDArray[np.uint8]:
    """Return a number per known pixel, 0 where the set does not say."""
    if mask is None:
        return np.zeros(len(known), np.uint8)
    return np.array([if_false, if_true], np.uint8)[mask.reshape(-1)[known].view(np.uint8)]
