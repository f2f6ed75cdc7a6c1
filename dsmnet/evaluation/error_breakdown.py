"""Where a network's error lies: each scored pixel is asked what is difficult about it.

A cause is a property of the pixel that image and ground truth tell, whatever the network answers; a pixel may
have several, or none. Neighbourhoods are 9x9 pixels, disparities those of the ground truth, grey values
0..255.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from dsmnet.evaluation.jsonable import finite
from dsmnet.evaluation.terminal import markdown_text
from dsmnet.metrics.functional import outliers
from dsmnet.types import DisparityMap, Image, Mask, StereoSample

Floats = NDArray[np.float32]

_SIDE = 9  # of a neighbourhood, pixels
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

CAUSES = {
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


def causes_of(sample: StereoSample) -> dict[str, Mask]:
    """Return a mask [H, W] per entry of `CAUSES`; where the ground truth is not known it means nothing."""
    target, known = sample["disparity"], sample["valid"]
    left, right = (_grey(sample[view]) for view in ("left", "right"))
    columns = np.arange(target.shape[1], dtype=np.float32) - np.where(known, target, 0)
    highest = np.asarray(cv2.dilate(np.where(known, target, 0).astype(np.float32), _NEAR))
    lowest = np.asarray(cv2.erode(np.where(known, target, _FAR).astype(np.float32), _NEAR))
    edge = highest - lowest > EDGE
    texture = _mean(np.abs(cv2.Sobel(left, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)))
    nowhere = np.zeros_like(known)
    noc = sample.get("noc")
    occluded = nowhere if noc is None else known & ~noc
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


class ErrorsByCause:
    """Collects, image by image, how much of the error lies on pixels of each cause."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[Floats, Mask, Mask]]] = {}

    def __call__(self, set_name: str, sample: StereoSample, prediction: DisparityMap, scored: Mask) -> None:
        """Take one image, as `evaluate` hands it to its watchers; no answer counts as a disparity of 0."""
        masks = causes_of(sample)
        answer = np.where(np.isfinite(prediction), prediction, 0)[scored]
        target = sample["disparity"][scored]
        error = np.abs(answer - target).astype(np.float32)
        wrong = outliers(torch.from_numpy(error), torch.from_numpy(target)).numpy()
        flags = np.stack([masks[cause][scored] for cause in CAUSES])
        self._found.setdefault(set_name, []).append((error, wrong, flags))

    def entry(self) -> dict[str, Any]:
        """Return the entry ``causes`` of results.json: all pixels of a set together, shares in percent."""
        return {name: _summary(images) for name, images in self._found.items()}


def markdown(entry: Mapping[str, Any]) -> str:
    """Return causes.md."""
    lines = ["# Where the error lies", ""]
    lines += [f"- **{cause}**: {meaning}" for cause, meaning in CAUSES.items()]
    lines += ["", "A pixel may have several causes. All scored pixels of a set count alike.", ""]
    for name, found in entry.items():
        lines += [
            f"## {name}",
            "",
            f"EPE {found['epe']:.2f} px, D1 {found['d1']:.1f} %. Half of the EPE comes from "
            f"{found['half_of_epe_from']:.1f} % of the pixels.",
            "",
            "| cause | pixels % | EPE px | D1 % | share of the EPE % | share of the wrong pixels % |",
            "| :-- | --: | --: | --: | --: | --: |",
        ]
        by_share = sorted(found["causes"].items(), key=lambda item: -item[1]["share_of_epe"])
        for cause, row in by_share:
            if row["pixels"]:
                cells = f"{row['epe']:.2f} | {row['d1']:.1f} | {row['share_of_epe']:.1f}"
                lines.append(f"| {cause} | {row['pixels']:.1f} | {cells} | {row['share_of_wrong']:.1f} |")
        lines.append("")
    return markdown_text(lines)


def _summary(images: list[tuple[Floats, Mask, Mask]]) -> dict[str, Any]:
    error = np.concatenate([image[0] for image in images]).astype(np.float64)
    wrong = np.concatenate([image[1] for image in images])
    flags = np.concatenate([image[2] for image in images], axis=1)
    largest_first = np.cumsum(np.sort(error)[::-1])
    half = np.searchsorted(largest_first, largest_first[-1] / 2) + 1
    rows = {cause: _row(error, wrong, mask) for cause, mask in zip(CAUSES, flags, strict=True)}
    rows["none of these"] = _row(error, wrong, np.asarray(~flags.any(axis=0)))
    return {
        "epe": float(error.mean()),
        "d1": 100 * float(wrong.mean()),
        "half_of_epe_from": 100 * float(half) / len(error),
        "causes": rows,
    }


def _row(error: NDArray[np.float64], wrong: Mask, mask: Mask) -> dict[str, float | None]:
    number = int(mask.sum())
    return {
        "pixels": 100 * number / len(error),
        "epe": finite(float(error[mask].mean())) if number else None,
        "d1": 100 * float(wrong[mask].mean()) if number else None,
        "share_of_epe": 100 * float(error[mask].sum() / max(error.sum(), 1e-12)),
        "share_of_wrong": 100 * float(wrong[mask].sum() / max(wrong.sum(), 1)),
    }


def _grey(image: Image) -> Floats:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)


def _mean(values: Floats) -> Floats:
    return np.asarray(cv2.boxFilter(values, -1, (_SIDE, _SIDE)), np.float32)


def _repeats(grey: Floats) -> Mask:
    """Whether some shift along the row changes a neighbourhood far less than shifts do on average."""
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
