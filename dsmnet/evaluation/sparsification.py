"""Is a confidence worth something? The error of the pixels it keeps, against how many it keeps.

Pixels are ordered by confidence and the least confident are left out first (sparsification, Ilg et al.,
"Uncertainty estimates and multi-hypotheses networks for optical flow", ECCV 2018). A perfect confidence, the
oracle, orders them by their error; one that knows nothing keeps the mean error. The area between a curve and
the oracle's is the AUSE: 0 is perfect.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsmnet.evaluation.jsonable import finite
from dsmnet.evaluation.protocol import EvaluationProtocol
from dsmnet.inference.confidence import predict_with_cues
from dsmnet.inference.search import resolve_max_disparity
from dsmnet.types import DisparityMap, Mask, Matcher, StereoSample

log = logging.getLogger(__name__)

KEPT = np.arange(5, 101, 5) / 100  # shares of pixels at which a curve is told
METRICS = ("epe", "bad1", "bad3")  # pixels, percent, percent
_THRESHOLDS = {"bad1": 1.0, "bad3": 3.0}

Curve = NDArray[np.float64]  # mean error at each of `KEPT`


def curve(errors: NDArray[np.floating], confidence: NDArray[np.floating]) -> Curve:
    """Return the mean error of the most confident pixels, for each share of `KEPT`.

    Pixels of the same confidence count with their mean error: their order says nothing.

    Args:
        errors: [P], at least one.
        confidence: [P].
    """
    _, group, size = np.unique(-confidence, return_inverse=True, return_counts=True)
    mean = np.bincount(group, weights=errors) / size
    kept = np.repeat(mean, size).cumsum()
    number = np.maximum(np.rint(KEPT * len(errors)).astype(np.int64), 1)
    return kept[number - 1] / number


@dataclass
class Sparsification:
    """Collects curves during an evaluation: a callback for `evaluate` (``on_image``).

    Each image is matched twice more for it, so that the times of the evaluation stay those of ``predict``.

    Args:
        matcher: The one that is evaluated.
        protocol: which says whether images or pixels count alike.
        max_disparity: as in `evaluate`.
    """

    matcher: Matcher
    protocol: EvaluationProtocol
    max_disparity: int | str = "auto"
    _images: dict[str, list[tuple[int, dict[str, dict[str, Curve]]]]] = field(default_factory=dict)

    def __call__(self, set_name: str, sample: StereoSample, prediction: DisparityMap, scored: Mask) -> None:
        """Add an image."""
        reach = resolve_max_disparity(self.max_disparity, sample.get("calibration"), sample["left"].shape[1])
        _, cues = predict_with_cues(self.matcher, sample["left"], sample["right"], reach)
        cues = {name: cue[scored] for name, cue in cues.items()}
        if len(cues) > 1:
            cues["both"] = np.prod(list(cues.values()), axis=0)
        errors = np.abs(prediction[scored] - sample["disparity"][scored]).astype(np.float64)
        errors[~np.isfinite(errors)] = np.inf
        curves = {metric: _curves(_judged(errors, metric), cues) for metric in METRICS}
        self._images.setdefault(set_name, []).append((len(errors), curves))

    def to_dict(self) -> dict[str, Any]:
        """Return the entry ``confidence`` of results.json."""
        return {
            "kept": KEPT.tolist(),
            "sets": {name: self._set(name, images) for name, images in self._images.items()},
        }

    def _set(self, name: str, images: list[tuple[int, dict[str, dict[str, Curve]]]]) -> dict[str, Any]:
        rule = self.protocol.rule(name)
        entry: dict[str, Any] = {"images": len(images)}
        for metric in METRICS:
            by_pixel = rule.average_of(metric) == "pixel"
            weights = [pixels if by_pixel else 1 for pixels, _ in images]
            mean = {
                order: np.average([curves[metric][order] for _, curves in images], axis=0, weights=weights)
                for order in images[0][1][metric]
            }
            entry[metric] = _areas(mean)
        return entry


def _judged(errors: NDArray[np.float64], metric: str) -> NDArray[np.float64]:
    """Return each pixel's share in a metric, from its error in pixels."""
    return np.where(errors > _THRESHOLDS[metric], 100.0, 0.0) if metric in _THRESHOLDS else errors


def _curves(errors: NDArray[np.float64], cues: Mapping[str, NDArray[np.float32]]) -> dict[str, Curve]:
    orders = {name: curve(errors, cue) for name, cue in cues.items()}
    return {**orders, "oracle": curve(errors, -errors), "random": curve(errors, np.zeros(len(errors)))}


def _areas(curves: Mapping[str, Curve]) -> dict[str, Any]:
    """Return curve and area of each order; of a cue also the AUSE and what it gains.

    The gain is the share of the area between the random order and the oracle that a cue takes away: 1 is
    perfect, 0 as good as chance.
    """
    area = {order: float(values.mean()) for order, values in curves.items()}
    best, worst = area["oracle"], area["random"]
    entry: dict[str, Any] = {}
    for order, values in curves.items():
        entry[order] = {"curve": [finite(value) for value in values.tolist()], "area": finite(area[order])}
        if order not in ("oracle", "random"):
            gain = (worst - area[order]) / (worst - best) if worst > best else float("nan")
            entry[order] |= {"ause": finite(area[order] - best), "gain": finite(gain)}
    return entry
