"""Worth of a confidence: the error of the pixels it keeps, against how many it keeps.

Pixels are ordered by confidence and the least confident are left out first (sparsification, Ilg et al.,
"Uncertainty estimates and multi-hypotheses networks for optical flow", ECCV 2018). A perfect confidence, the
oracle, orders them by their error; one that knows nothing keeps the mean error. The area between a curve and
the oracle's is the AUSE: 0 is perfect.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from dsmnet.atomic import write_text
from dsmnet.evaluation.json_numbers import json_number
from dsmnet.evaluation.protocol import METRIC_NAMES, EvaluationProtocol
from dsmnet.evaluation.text_table import TextTable, markdown_text
from dsmnet.inference.confidence import predict_with_cues
from dsmnet.inference.search import resolve_max_disparity
from dsmnet.metrics import THRESHOLDS, error_map
from dsmnet.types import DisparityMap, Mask, Matcher, StereoSample
from dsmnet.viz.figures import save
from dsmnet.viz.sparsification_figure import sparsification_figure

log = logging.getLogger(__name__)

KEPT = np.arange(5, 101, 5) / 100  # shares of pixels at which a curve is told
UNITS = {"epe": "px", "bad1": "%", "bad3": "%"}
NOTE = (
    "Area: mean error over the shares of pixels kept, 5 to 100 %, the least confident left out first. "
    "AUSE: that area less the oracle's, which leaves out the largest errors first. "
    "Gain: how far from a random order to the oracle."
)

Curve = NDArray[np.float64]  # mean error at each of `KEPT`


def sparsification_curve(errors: NDArray[np.floating], confidence: NDArray[np.floating]) -> Curve:
    """Return the mean error of the most confident of at least one pixel, for each share of `KEPT`.

    Pixels of the same confidence count with their mean error: their order says nothing.
    """
    _, group, size = np.unique(-confidence, return_inverse=True, return_counts=True)
    mean = np.bincount(group, weights=errors) / size
    kept = np.repeat(mean, size).cumsum()
    number = np.maximum(np.rint(KEPT * len(errors)).astype(np.int64), 1)
    return kept[number - 1] / number


class Sparsification:
    """Collects curves during an evaluation of the same arguments: a callback for `evaluate` (``on_image``).

    Each image is matched twice more for it, so that the times of the evaluation stay those of ``predict``.
    """

    def __init__(
        self, matcher: Matcher, protocol: EvaluationProtocol, max_disparity: int | str = "auto"
    ) -> None:
        self._matcher = matcher
        self._protocol = protocol
        self._max_disparity = max_disparity
        # By set, for each image its number of pixels, and its curves by metric and order of the pixels.
        self._images: dict[str, list[tuple[int, dict[str, dict[str, Curve]]]]] = {}

    def __call__(self, set_name: str, sample: StereoSample, prediction: DisparityMap, scored: Mask) -> None:
        """Add an image."""
        width = sample["left"].shape[1]
        max_disparity = resolve_max_disparity(self._max_disparity, sample.get("calibration"), width)
        _, cues = predict_with_cues(self._matcher, sample["left"], sample["right"], max_disparity)
        cues = {name: cue[scored] for name, cue in cues.items()}
        if len(cues) > 1:
            cues["both"] = np.prod(list(cues.values()), axis=0)
        pixels = error_map(prediction, sample["disparity"])[scored].astype(np.float64)
        curves = {}
        for metric in UNITS:
            errors = pixels
            if metric in THRESHOLDS:
                errors = np.where(pixels > THRESHOLDS[metric], 100.0, 0.0)
            orders: dict[str, NDArray[np.floating]] = {
                **cues,
                "oracle": -errors,
                "random": np.zeros(len(errors)),
            }
            curves[metric] = {name: sparsification_curve(errors, order) for name, order in orders.items()}
        self._images.setdefault(set_name, []).append((len(pixels), curves))

    def results(self) -> dict[str, Any]:
        """Return the entry ``confidence`` of results.json before it is rounded: the means over all images."""
        return {"kept": KEPT.tolist(), "sets": {name: self._entry(name) for name in self._images}}

    def _entry(self, name: str) -> dict[str, Any]:
        images = self._images[name]
        entry: dict[str, Any] = {"images": len(images)}
        for metric in UNITS:
            by_pixel = self._protocol.rule(name).average_of(metric) == "pixel"
            weights = [pixels if by_pixel else 1 for pixels, _ in images]
            entry[metric] = _with_areas(
                {
                    order: np.average([found[metric][order] for _, found in images], axis=0, weights=weights)
                    for order in images[0][1][metric]
                }
            )
        return entry


def _with_areas(curves: Mapping[str, Curve]) -> dict[str, Any]:
    """Return curve and area of each order, and how it compares with the oracle and the random order.

    The gain is the share of the area between the random order and the oracle that a cue takes away: 1 is
    perfect, 0 as good as chance.
    """
    area = {order: float(values.mean()) for order, values in curves.items()}
    best, worst = area["oracle"], area["random"]
    entry: dict[str, Any] = {}
    for order, values in curves.items():
        entry[order] = {"curve": values.tolist(), "area": area[order]}
        if order not in ("oracle", "random"):
            gain = (worst - area[order]) / (worst - best) if worst > best else math.nan
            entry[order] |= {"ause": area[order] - best, "gain": gain}
    return entry


def confidence_table(sets: Mapping[str, Mapping[str, Any]], title: str) -> TextTable:
    """Return a line per set and order of its pixels."""
    headings = ["set", "ordered by"]
    for metric, unit in UNITS.items():
        headings += [f"{METRIC_NAMES[metric]} {column}" for column in (f"area {unit}", "AUSE", "gain %")]
    rows = []
    for name, entry in sets.items():
        for index, order in enumerate(entry["epe"]):
            row = [name if index == 0 else "", order]
            for metric in UNITS:
                curve = entry[metric][order]
                row += [
                    _cell(curve["area"]),
                    _cell(curve.get("ause", math.nan)),
                    _cell(curve.get("gain", math.nan), 100, 1),
                ]
            rows.append(row)
    return TextTable(title, [(heading,) for heading in headings], rows, keys=2)


def present_confidence(
    confidence: Mapping[str, Any], evaluated: str, output: Path, console: Console | None = None
) -> None:
    """Print the table of an entry ``confidence``; write sparsification.md and sparsification.png."""
    console, table = console or Console(), confidence_table(confidence["sets"], f"Confidence: {evaluated}")
    table.show(console)
    console.print(NOTE, soft_wrap=True)
    lines = [f"# {table.title}", "", *table.markdown(), "", NOTE, ""]
    write_text(output / "sparsification.md", markdown_text(lines))
    figure = sparsification_figure(confidence["sets"], confidence["kept"], table.title)
    save(figure, output / "sparsification.png")
    log.info("wrote %s and sparsification.md", output / "sparsification.png")


def _cell(value: float, factor: float = 1, decimals: int = 3) -> str:
    rounded = json_number(value)
    return "-" if rounded is None else f"{factor * rounded:.{decimals}f}"
