"""Error breakdown by pixel attribute: how much of a network's error lies on which kind of pixel.

An attribute is told by images and ground truth alone, whatever the network predicts; a pixel may have
several, or none. Neighbourhoods are 9x9 pixels, disparities those of the ground truth, grey values 0..255.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.evaluation.json_numbers import json_number
from dsmnet.evaluation.text_table import TextTable, markdown_text
from dsmnet.metrics import ErrorSums, error_map, pixel_mask
from dsmnet.types import DisparityMap, Image, Mask, StereoSample

Floats = NDArray[np.float32]

_SIDE = 9  # pixels, side of a neighbourhood
_NEAR = np.ones((_SIDE, _SIDE), np.uint8)
EDGE = 4.0  # px of disparity over a neighbourhood: more than steep ground makes
THIN = 2.0  # px of disparity, by which something narrower than a neighbourhood stands out
WEAK = 1.0  # mean change of grey per pixel along the row
STEEP = 0.1  # px of disparity per row
SHIFTS = range(4, 49)  # px along the row, by which a repetitive texture meets itself
ALIKE = 0.35  # mean difference there, as a share of that over all shifts
BRIGHT, DARK = 250, 15
CHANGED = 25  # difference of grey between matching pixels, smoothed
_FAR = 1e6  # larger than any disparity: an unknown one is never the lowest

ATTRIBUTES = {
    "occluded": "seen by the left view alone",
    "outside": "its match lies left of the right view",
    "depth edge": f"disparities around it differ by more than {EDGE:g} px",
    "thin": f"part of something narrower than {_SIDE} px and at least {THIN:g} px of disparity nearer",
    "weak texture": f"grey changes by less than {WEAK:g} per pixel",
    "repetitive": f"the texture meets itself within {SHIFTS[-1]} px",
    "slanted": f"disparity changes by more than {STEEP:g} px per row",
    "burnt out": f"grey {BRIGHT} or more",
    "dark": f"grey below {DARK}",
    "views differ": f"matching pixels differ by more than {CHANGED} in grey: exposure, reflection, light",
}


def pixel_attributes(sample: StereoSample) -> dict[str, Mask]:
    """Return a mask [H, W] per entry of `ATTRIBUTES`, without meaning where the ground truth is not known."""
    target, known = sample["disparity"], sample["valid"]
    left, right = (_grey(sample[view]) for view in ("left", "right"))
    columns = np.arange(target.shape[1], dtype=np.float32) - np.where(known, target, 0)
    highest = np.asarray(cv2.dilate(np.where(known, target, 0).astype(np.float32), _NEAR))
    lowest = np.asarray(cv2.erode(np.where(known, target, _FAR).astype(np.float32), _NEAR))
    edge = highest - lowest > EDGE
    texture = _mean(np.abs(cv2.Sobel(left, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)))
    occluded = pixel_mask(known, sample.get("noc"), "occ")
    opened = np.asarray(cv2.dilate(np.where(lowest < _FAR, lowest, 0).astype(np.float32), _NEAR))
    return {
        "occluded": occluded,
        "outside": known & (columns < 0),
        "depth edge": edge,
        "thin": known & (target - opened > THIN),
        "weak texture": texture < WEAK,
        "repetitive": (texture >= WEAK) & _repeats(left),
        "slanted": (_slope(target, known) > STEEP) & ~edge,
        "burnt out": left >= BRIGHT,
        "dark": left < DARK,
        "views differ": known & ~occluded & (columns >= 0) & _differs(left, right, columns),
    }


class ErrorBreakdown:
    """Collects, image by image, how much of the error lies on pixels with each attribute."""

    def __init__(self) -> None:
        self._images: dict[str, list[tuple[Floats, Floats, Mask]]] = {}

    def __call__(self, set_name: str, sample: StereoSample, prediction: DisparityMap, scored: Mask) -> None:
        """Add an image; a prediction that is not finite counts as a disparity of 0."""
        masks, target = pixel_attributes(sample), sample["disparity"]
        error = error_map(np.where(np.isfinite(prediction), prediction, 0).astype(np.float32), target)
        flags = np.stack([masks[name][scored] for name in ATTRIBUTES])
        self._images.setdefault(set_name, []).append((error[scored], target[scored], flags))

    def results(self) -> dict[str, dict[str, Any]]:
        """Return the entry ``error_breakdown`` of results.json: by set, its errors by attribute.

        Shares are in percent, the EPE in pixels. ``half_of_epe_from`` is the share of the pixels, those with
        the largest errors, that make half of the EPE.
        """
        return {name: _set_breakdown(images) for name, images in self._images.items()}


def breakdown_markdown(sets: Mapping[str, Mapping[str, Any]]) -> str:
    """Return error_breakdown.md."""
    lines = ["# Error breakdown by pixel attribute", ""]
    lines += [f"- **{name}**: {meaning}" for name, meaning in ATTRIBUTES.items()]
    lines += ["", "A pixel may have several attributes. All scored pixels of a set count alike.", ""]
    headings = (
        "attribute",
        "pixels %",
        "EPE px",
        "D1 %",
        "share of the EPE %",
        "share of the wrong pixels %",
    )
    for name, found in sets.items():
        by_share = sorted(found["attributes"].items(), key=lambda item: -item[1]["share_of_epe"])
        rows = []
        for attribute, row in by_share:
            if row["pixels"]:
                shares = [f"{row[key]:.1f}" for key in ("d1", "share_of_epe", "share_of_wrong")]
                rows.append((attribute, f"{row['pixels']:.1f}", f"{row['epe']:.2f}", *shares))
        lines += [
            *(f"## {name}", ""),
            f"EPE {found['epe']:.2f} px, D1 {found['d1']:.1f} %. Half of the EPE comes from "
            f"{found['half_of_epe_from']:.1f} % of the pixels.",
            "",
            *TextTable(name, [(heading,) for heading in headings], rows).markdown(),
            "",
        ]
    return markdown_text(lines)


def _set_breakdown(images: Sequence[tuple[Floats, Floats, Mask]]) -> dict[str, Any]:
    error, target = (np.concatenate([image[part] for image in images]) for part in (0, 1))
    flags = np.concatenate([image[2] for image in images], axis=1)
    total = ErrorSums.from_errors(error, target)
    largest_first = np.cumsum(np.sort(error.astype(np.float64))[::-1])
    half = np.searchsorted(largest_first, largest_first[-1] / 2) + 1
    masks = dict(zip(ATTRIBUTES, flags, strict=True)) | {"none of these": ~flags.any(axis=0)}
    attributes = {}
    for name, mask in masks.items():
        sums = ErrorSums.from_errors(error[mask], target[mask])
        attributes[name] = {
            "pixels": 100 * sums.pixels / total.pixels,
            "epe": json_number(sums.scores()["epe"]),
            "d1": sums.scores()["d1"] if sums.pixels else None,
            "share_of_epe": 100 * (sums.error / max(total.error, 1e-12)),
            "share_of_wrong": 100 * (sums.wrong["d1"] / max(total.wrong["d1"], 1)),
        }
    scores, share = total.scores(), 100 * float(half) / total.pixels
    return {"epe": scores["epe"], "d1": scores["d1"], "half_of_epe_from": share, "attributes": attributes}


def _grey(image: Image) -> Floats:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)


def _mean(values: Floats) -> Floats:
    return np.asarray(cv2.boxFilter(values, -1, (_SIDE, _SIDE)), np.float32)


def _repeats(grey: Floats) -> Mask:
    """Return where some shift along the row changes a neighbourhood far less than shifts do on average."""
    smallest, total = np.full_like(grey, np.inf), np.zeros_like(grey)
    shifts = [shift for shift in SHIFTS if shift < grey.shape[1]]
    for shift in shifts:
        difference = _mean(np.abs(grey - np.roll(grey, shift, axis=1)))
        np.minimum(smallest, difference, out=smallest)
        total += difference
    return np.asarray(smallest < ALIKE * total / max(len(shifts), 1))


def _slope(target: DisparityMap, known: Mask) -> Floats:
    """Return how much the mean disparity changes per row, 0 where too little is known."""
    half = _SIDE // 2
    weight = _mean(known.astype(np.float32))
    mean = _mean(np.where(known, target, 0).astype(np.float32)) / np.maximum(weight, 1e-6)
    above, below = np.roll(mean, half, axis=0), np.roll(mean, -half, axis=0)
    enough = (np.roll(weight, half, axis=0) > 0.05) & (np.roll(weight, -half, axis=0) > 0.05)
    enough[:half], enough[-half:] = False, False
    return np.where(enough, np.abs(below - above) / (2 * half), 0).astype(np.float32)


def _differs(left: Floats, right: Floats, columns: Floats) -> Mask:
    rows = np.repeat(np.arange(left.shape[0], dtype=np.float32)[:, None], left.shape[1], axis=1)
    matched = cv2.remap(
        right, columns.astype(np.float32), rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(np.abs(cv2.GaussianBlur(left - matched, (0, 0), 1.0)) > CHANGED)
