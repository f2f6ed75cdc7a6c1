"""Errors by region: visible and occluded pixels, with and without a bound on disparity, objects."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from dsmnet.evaluation.json_numbers import json_number
from dsmnet.metrics import ErrorSums, error_map, pixel_mask
from dsmnet.types import DisparityMap, Mask, StereoSample

CAP = 192  # px, the bound on true disparity that most publications have
REGIONS = ("noc", "occ", "all")


@dataclass(frozen=True)
class ImageErrors:
    """Errors of one image."""

    scored: ErrorSums  # over the pixels that the protocol scores
    regions: Mapping[tuple[str, str], ErrorSums]  # by pixels, and bound on true disparity ("none", "192")
    objects: Mapping[tuple[str, str], ErrorSums]  # by pixels, and "bg" or "fg"; empty where none are told


def count_errors(sample: StereoSample, prediction: DisparityMap, scored: Mask) -> ImageErrors:
    """Count the errors of an image on the pixels that a protocol scores and by region."""
    valid, target = sample["valid"], sample["disparity"]
    error = error_map(prediction, target, valid)

    def sums(mask: Mask) -> ErrorSums:
        return ErrorSums.from_errors(error[mask], target[mask])

    masks = {pixels: pixel_mask(valid, sample.get("noc"), pixels) for pixels in REGIONS}
    bounds = {"none": np.ones_like(valid), str(CAP): target < CAP}
    objects = {"bg": ~sample["foreground"], "fg": sample["foreground"]} if "foreground" in sample else {}
    return ImageErrors(
        sums(scored),
        {(pixels, cap): sums(masks[pixels] & bound) for pixels in REGIONS for cap, bound in bounds.items()},
        {
            (pixels, part): sums(masks[pixels] & mask)
            for pixels in ("noc", "all")
            for part, mask in objects.items()
        },
    )


def region_scores(images: Sequence[ImageErrors]) -> dict[str, Any]:
    """Return the entry ``regions`` of results.json: by pixels and bound, where there is such a pixel."""
    entry = {}
    for pixels in REGIONS:
        by_bound = {
            bound: _means([image.regions[pixels, bound] for image in images]) for bound in ("none", str(CAP))
        }
        if by_bound["none"]["pixels"]:
            entry[pixels] = by_bound
    return entry


def object_scores(images: Iterable[ImageErrors]) -> dict[str, Any]:
    """Return the entry ``objects``: KITTI's D1 of background, foreground and both, pooled over images."""
    known = [image.objects for image in images if image.objects]
    entry: dict[str, Any] = {}
    for pixels in ("noc", "all"):
        seen = [objects for objects in known if (objects[pixels, "bg"] + objects[pixels, "fg"]).pixels]
        if seen:
            total = {part: _total(objects[pixels, part] for objects in seen) for part in ("bg", "fg")}
            total["all"] = total["bg"] + total["fg"]
            shares = {f"d1_{part}": json_number(sums.scores()["d1"]) for part, sums in total.items()}
            entry[pixels] = {"images": len(seen), **shares}
    return entry


def _means(sums: Sequence[ErrorSums]) -> dict[str, Any]:
    """Return the scores as mean over images, and over the pixels of all images together."""
    seen = [one for one in sums if one.pixels]
    total, single = _total(seen), [one.scores() for one in seen]
    pooled = total.scores()
    mean = {name: float(np.mean([one[name] for one in single])) if single else math.nan for name in pooled}
    rounded = [{name: json_number(value) for name, value in scores.items()} for scores in (mean, pooled)]
    return {"images": len(seen), "pixels": total.pixels, "image": rounded[0], "pixel": rounded[1]}


def _total(sums: Iterable[ErrorSums]) -> ErrorSums:
    return reduce(add, sums, ErrorSums())
