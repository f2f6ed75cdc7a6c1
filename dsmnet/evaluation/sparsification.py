"""Worth of a confidence: the error of the pixels it keeps, against how many it keeps.

Pixels are ordered by confidence and the least confident are left out first (sparsification, Ilg et al.,
"Uncertainty estimates and multi-hypotheses networks for optical flow", ECCV 2018). A perfect confidence, the
oracle, orders them by their error; one that knows nothing keeps the mean error. The area between a curve and
the oracle's is the AUSE: 0 is perfect.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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
from dsmnet.viz.sparsification_figure import KeptCurve, sparsification_figure

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
    """Return the mean error of the most confident pixels, for each share of `KEPT`.

    Pixels of the same confidence count with their mean error: their order says nothing.

    Args:
        errors: Errors of at least one pixel, [P].
        confidence: Confidence of the pixels, [P].
    """
    _, group, size = np.unique(-confidence, return_inverse=True, return_counts=True)
    mean = np.bincount(group, weights=errors) / size
    kept = np.repeat(mean, size).cumsum()
    number = np.maximum(np.rint(KEPT * len(errors)).astype(np.int64), 1)
    return kept[number - 1] / number


@dataclass(frozen=True)
class SetConfidence:
    """Curves of one set: by metric, then by the order of its pixels."""

    images: int
    curves: Mapping[str, Mapping[str, KeptCurve]]

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of results.json."""
        entry: dict[str, Any] = {"images": self.images}
        for metric, orders in self.curves.items():
            entry[metric] = {}
            for order, curve in orders.items():
                cue = {"ause": json_number(curve.ause), "gain": json_number(curve.gain)}
                values = [json_number(value) for value in curve.values]
                entry[metric][order] = {"curve": values, "area": json_number(curve.area)}
                entry[metric][order] |= {} if order in ("oracle", "random") else cue
        return entry


@dataclass(frozen=True)
class ConfidenceResults:
    """Worth of the confidence on each set."""

    sets: Mapping[str, SetConfidence]

    def to_dict(self) -> dict[str, Any]:
        """Return the entry ``confidence`` of results.json."""
        return {"kept": KEPT.tolist(), "sets": {name: found.to_dict() for name, found in self.sets.items()}}

    def table(self, title: str) -> TextTable:
        """Return a line per set and order of its pixels."""
        headings = ["set", "ordered by"]
        for metric, unit in UNITS.items():
            headings += [f"{METRIC_NAMES[metric]} {column}" for column in (f"area {unit}", "AUSE", "gain %")]
        return TextTable(title, [(heading,) for heading in headings], list(self._rows()), keys=2)

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for name, found in self.sets.items():
            for index, order in enumerate(found.curves["epe"]):
                cells: list[str] = []
                for metric in UNITS:
                    curve = found.curves[metric][order]
                    cells += [_cell(curve.area), _cell(curve.ause), _cell(curve.gain, 100, 1)]
                yield (name if index == 0 else "", order, *cells)

    def present(self, evaluated: str, output: Path, console: Console | None = None) -> None:
        """Print the table; write it as sparsification.md, and sparsification.png.

        Args:
            evaluated: Description of the matcher, for the titles.
            output: Folder of the files.
            console: Terminal.
        """
        console, table = console or Console(), self.table(f"Confidence: {evaluated}")
        table.show(console)
        console.print(NOTE, soft_wrap=True)
        lines = [f"# {table.title}", "", *table.markdown(), "", NOTE, ""]
        write_text(output / "sparsification.md", markdown_text(lines))
        sets = {name: (found.images, found.curves["epe"]) for name, found in self.sets.items()}
        save(sparsification_figure(sets, KEPT.tolist(), table.title), output / "sparsification.png")
        log.info("wrote %s and sparsification.md", output / "sparsification.png")


@dataclass
class Sparsification:
    """Collects curves during an evaluation: a callback for `evaluate` (``on_image``).

    Each image is matched twice more for it, so that the times of the evaluation stay those of ``predict``.

    Args:
        matcher: Matcher that is evaluated.
        protocol: Protocol, which says whether images or pixels count alike.
        max_disparity: Search range as in `evaluate`.
    """

    matcher: Matcher
    protocol: EvaluationProtocol
    max_disparity: int | str = "auto"
    _images: dict[str, list[tuple[int, dict[str, dict[str, Curve]]]]] = field(default_factory=dict)

    def __call__(self, set_name: str, sample: StereoSample, prediction: DisparityMap, scored: Mask) -> None:
        """Add an image."""
        width = sample["left"].shape[1]
        max_disparity = resolve_max_disparity(self.max_disparity, sample.get("calibration"), width)
        _, cues = predict_with_cues(self.matcher, sample["left"], sample["right"], max_disparity)
        cues = {name: cue[scored] for name, cue in cues.items()}
        if len(cues) > 1:
            cues["both"] = np.prod(list(cues.values()), axis=0)
        errors = error_map(prediction, sample["disparity"])[scored].astype(np.float64)
        curves = {metric: _curves(_judged(errors, metric), cues) for metric in UNITS}
        self._images.setdefault(set_name, []).append((len(errors), curves))

    def results(self) -> ConfidenceResults:
        """Return the means over all images."""
        return ConfidenceResults({name: self._set(name, images) for name, images in self._images.items()})

    def _set(self, name: str, images: list[tuple[int, dict[str, dict[str, Curve]]]]) -> SetConfidence:
        rule, curves = self.protocol.rule(name), {}
        for metric in UNITS:
            by_pixel = rule.average_of(metric) == "pixel"
            weights = [pixels if by_pixel else 1 for pixels, _ in images]
            mean = {
                order: np.average([found[metric][order] for _, found in images], axis=0, weights=weights)
                for order in images[0][1][metric]
            }
            curves[metric] = _areas(mean)
        return SetConfidence(len(images), curves)


def _judged(errors: NDArray[np.float64], metric: str) -> NDArray[np.float64]:
    """Return each pixel's share in a metric, from its error in pixels."""
    return np.where(errors > THRESHOLDS[metric], 100.0, 0.0) if metric in THRESHOLDS else errors


def _curves(errors: NDArray[np.float64], cues: Mapping[str, NDArray[np.float32]]) -> dict[str, Curve]:
    orders: dict[str, NDArray[np.floating]] = {**cues, "oracle": -errors, "random": np.zeros(len(errors))}
    return {name: sparsification_curve(errors, order) for name, order in orders.items()}


def _areas(curves: Mapping[str, Curve]) -> dict[str, KeptCurve]:
    """Return curve and area of each order, and how it compares with the oracle and the random order.

    The gain is the share of the area between the random order and the oracle that a cue takes away: 1 is
    perfect, 0 as good as chance.
    """
    area = {order: float(values.mean()) for order, values in curves.items()}
    best, worst = area["oracle"], area["random"]
    found = {}
    for order, values in curves.items():
        ause, gain = float("nan"), float("nan")
        if order not in ("oracle", "random"):
            ause = area[order] - best
            gain = (worst - area[order]) / (worst - best) if worst > best else float("nan")
        found[order] = KeptCurve(values.tolist(), area[order], ause, gain)
    return found


def _cell(value: float, factor: float = 1, decimals: int = 3) -> str:
    rounded = json_number(value)
    return "-" if rounded is None else f"{factor * rounded:.{decimals}f}"
