"""Is the data what it should be? Reads pairs, counts, measures, and lists what is wrong."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.datasets.process_pool import in_processes
from dsmnet.errors import DataError
from dsmnet.rectification.row_check import PAIRS, RowReport, check_rows
from dsmnet.types import DisparityMap, Image, Mask, StereoPairs, StereoSample

log = logging.getLogger(__name__)

MIN_PIXELS = 500  # fewer known pixels prove nothing about geometry
MIN_SHIFT = 2.0  # pixels, median disparity; below that a wrong sign hardly shows
CLEAR = 0.3  # correlation above that of noise on views without texture; good pairs have 0.7 to 0.98
MARGIN = 0.1  # of correlation: mirror images of a map may be this good; else a wrong reading is worse by 0.24
CELL = 8  # pixels: parts of a view that far apart vary each on its own
ERRORS = 3.0  # standard errors over the cells; tiny good pairs have up to 2, wrong ones of 96x192 have 4 to 8
AS_IT_IS = "as it is"
READINGS: dict[str, Callable[[DisparityMap], DisparityMap]] = {
    AS_IT_IS: lambda disparity: disparity,
    "with left and right view swapped": lambda disparity: -disparity,
    "upside down": lambda disparity: disparity[::-1],
    "divided by 2": lambda disparity: disparity * np.float32(1 / 2),
    "divided by 3": lambda disparity: disparity * np.float32(1 / 3),
    "times 2": lambda disparity: disparity * 2,
    "times 3": lambda disparity: disparity * 3,
    "set to zero": lambda disparity: disparity * 1e-6,
}
# Of a report, what is the sum over its pairs.
_SUMS = ["checked", "with_ground_truth", "sizes", "problems"]
_SUMS += ["ground_truth_pixels", "known_pixels", "mask_pixels", "noc_pixels"]


@dataclass
class SetReport:
    """What was found in one data set."""

    name: str
    pairs: int  # in the set
    published: int | None = None  # pairs by the authors' word, where there is one
    checked: int = 0  # of them read, without those that could not be
    with_ground_truth: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)  # (height, width) -> pairs
    lowest: float = np.inf  # pixels, over all known disparities
    highest: float = -np.inf
    ground_truth_pixels: int = 0  # of the images with ground truth: all,
    known_pixels: int = 0  # and those where it is known
    mask_pixels: int = 0  # of the images with a noc mask: all,
    noc_pixels: int = 0  # and those seen by both views
    problems: list[str] = field(default_factory=list)
    rows: list[float] = field(default_factory=list)  # pixels, deviations of the rows of a few pairs

    def add(self, sample: StereoSample) -> None:
        """Count one pair."""
        self.checked += 1
        self.sizes[sample["left"].shape[:2]] += 1
        if "disparity" in sample:
            known = sample["disparity"][sample["valid"]]
            self.with_ground_truth += 1
            self.ground_truth_pixels += sample["disparity"].size
            self.known_pixels += known.size
            if known.size:
                self.lowest = min(self.lowest, float(known.min()))
                self.highest = max(self.highest, float(known.max()))
        if "noc" in sample:
            self.mask_pixels += sample["noc"].size
            self.noc_pixels += int(sample["noc"].sum())

    def merge(self, part: SetReport) -> None:
        """Add what was found in other pairs of the set."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(part, name))
        self.lowest, self.highest = min(self.lowest, part.lowest), max(self.highest, part.highest)


def choose_pairs(total: int, limit: int | None) -> list[int]:
    """Return the indices of at most `limit` of `total` pairs, evenly spread from the first to the last."""
    count = total if limit is None else min(limit, total)
    return [int(i) for i in np.linspace(0, total - 1, count)]


def check_dataset(
    dataset: StereoPairs,
    indices: Sequence[int],
    workers: int = 1,
    watch: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> SetReport:
    """Read some pairs of a data set in so many processes and check them; `watch` shows progress."""
    report = SetReport(dataset.name, len(dataset))
    with in_processes(check_pair, dataset, indices, workers, dataset.name) as checks:
        for found in watch(checks):
            report.merge(found())
    return report


def check_pair(dataset: StereoPairs, index: int) -> SetReport:
    """Read and check one pair; whatever goes wrong is a problem of this pair."""
    report = SetReport(dataset.name, len(dataset))
    try:
        sample = dataset[index]
        report.add(sample)
        report.problems += [f"{_where(dataset, index)}: {problem}" for problem in find_problems(sample)]
    except DataError as error:
        report.problems.append(str(error))
    except Exception as error:  # of a library, on a file that no reader was prepared for
        report.problems.append(f"{_where(dataset, index)}: {type(error).__name__}: {error}")
    return report


def check_some_rows(dataset: StereoPairs, most: int = PAIRS) -> list[RowReport]:
    """Check the rows of a few pairs of a data set, evenly spread; what is wrong is said once."""
    samples = read_some(dataset, choose_pairs(len(dataset), most))
    reports = [check_rows(sample["left"], sample["right"]) for sample in samples]
    for sample, report in zip(samples, reports, strict=True):
        if warnings := report.warnings(remedy="rectify the pairs first, with dsmnet rectify"):
            log.warning("%s %s: %s", dataset.name, sample["name"], "; ".join(warnings))
            break
    return reports


def read_some(dataset: StereoPairs, indices: Iterable[int]) -> list[StereoSample]:
    """Return those of the pairs that can be read."""
    samples = []
    for index in indices:
        with contextlib.suppress(Exception):  # `check_pair` has told of it
            samples.append(dataset[index])
    return samples


def find_problems(sample: StereoSample) -> list[str]:
    """Return what is wrong with a pair that could be read; nothing wrong is an empty list."""
    views = {"left": sample["left"], "right": sample["right"]}
    problems = [f"the {name} view has one color only" for name, image in views.items() if _is_flat(image)]
    if not problems and np.array_equal(sample["left"], sample["right"]):
        problems.append("left and right view are the same image")
    if "disparity" not in sample:
        return problems
    disparity, valid = sample["disparity"], sample["valid"]
    if not valid.any():
        return [*problems, "the disparity map knows no pixel"]
    known = disparity[valid]
    negative = known[known < 0]
    if not np.isfinite(known).all() or (negative.size and np.ptp(negative) == 0):
        return [*problems, "known disparities are negative or not finite"]
    if known.max() >= disparity.shape[1]:
        problems.append(f"disparity of {known.max():.1f} px in an image {disparity.shape[1]} px wide")
    better = None if problems else better_reading(sample)
    if better:
        problems.append(f"the right view fits the disparity map better {better}: is it stored as expected?")
    return problems


def better_reading(sample: StereoSample) -> str | None:
    """Say in which other way the disparity d explains the right view better than as it is.

    The right view, looked up at x - d, has to resemble the left one more than with the views swapped, another
    scale or the rows upside down. Fine structure is compared by its correlation, which a different exposure
    of the views leaves alone, and a few strong edges prove nothing: many parts of the views have to speak for
    the other way. None: all is well, or pixels, disparities, texture do not suffice to tell.
    """
    disparity, valid = sample["disparity"], sample["valid"]
    if valid.sum() < MIN_PIXELS or np.median(disparity[valid]) < MIN_SHIFT:
        return None
    left, right = _fine_structure(sample["left"]), _fine_structure(sample["right"])
    agreement = {
        way: _agreement(left, right, change(disparity), change(valid.astype(np.float32)) != 0)
        for way, change in READINGS.items()
    }
    scores = {way: float(each.sum()) for way, each in agreement.items()}
    best = max(READINGS, key=lambda way: scores[way])
    if scores[best] <= max(CLEAR, scores[AS_IT_IS] + MARGIN):
        return None
    gain = _cells(agreement[best] - agreement[AS_IT_IS])
    return best if gain.sum() > ERRORS * np.sqrt(np.square(gain).sum()) else None


def _where(dataset: StereoPairs, index: int) -> str:
    """Name a pair by its left file where there is one."""
    pairs: Any = getattr(dataset, "pairs", None)
    return str(pairs[index].left) if pairs is not None else f"{dataset.name} pair {index}"


def _is_flat(image: Image) -> bool:
    return bool((image == image[:1, :1]).all())


def _fine_structure(image: Image) -> NDArray[np.float32]:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), 4), np.float32)


def _agreement(
    left: NDArray[np.float32], right: NDArray[np.float32], shift: DisparityMap, mask: Mask
) -> NDArray[np.float64]:
    """Return each pixel's share [H, W] in the correlation of left (x) and right (x - shift) in the mask."""
    rows, columns = np.indices(left.shape, dtype=np.float32)
    source = columns - shift.astype(np.float32)
    moved = np.asarray(cv2.remap(right, source, np.asarray(rows), cv2.INTER_LINEAR), np.float64)
    inside = mask & (source >= 0) & (source <= left.shape[1] - 1)
    a, b = left * inside, np.where(inside, moved, 0)
    scale = np.sqrt(np.square(a, dtype=np.float64).sum() * np.square(b).sum())
    return a * b / scale if scale > 0 else np.zeros(left.shape)


def _cells(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of a map over cells, those at its right and lower border smaller."""
    rows, columns = (range(0, length, CELL) for length in values.shape)
    return np.asarray(np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1))
