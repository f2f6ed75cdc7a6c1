"""A matcher against data sets with ground truth: the numbers of the cross-domain table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from dsmnet.errors import NAMED, DataError, first_of
from dsmnet.evaluation.cells import Cells, count_cells, scored_sums, scores
from dsmnet.evaluation.protocol import METRICS, EvaluationProtocol, Rule
from dsmnet.evaluation.results import ImageResult, SetResult
from dsmnet.inference.search import resolve_max_disparity, too_short
from dsmnet.inference.tiled import TiledMatcher
from dsmnet.inference.timing import needs_warm_up, timed_prediction
from dsmnet.progress import track
from dsmnet.types import DisparityMap, Mask, Matcher, StereoSample

log = logging.getLogger(__name__)

OnImage = Callable[[str, StereoSample, DisparityMap, Mask], None]  # set, sample, prediction, scored pixels


class Compared(NamedTuple):
    """Another network that is scored beside the first, and where its weights came from."""

    matcher: Matcher
    checkpoint: str | None = None


def evaluate(
    matcher: Matcher,
    sets: Mapping[str, Dataset[StereoSample]],
    protocol: EvaluationProtocol | None = None,
    *,
    max_disparity: int | str = "auto",
    baselines: Mapping[str, Matcher] | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
    on_image: OnImage | None = None,
    label: str | None = None,
    compared: Mapping[str, Compared] | None = None,
    on_others: Callable[[str], OnImage] | None = None,
) -> dict[str, Any]:
    """Score a matcher, and others and baselines beside it, on several sets.

    Args:
        matcher: A network with ``predict``, or any other `Matcher`.
        sets: Data sets by the name they have in the result.
        protocol: which pixels count and how they are averaged; noc without a cap and mean over images
            by default.
        max_disparity: Pixels to search, or "auto": what the calibration of each pair states, else 192. The
            ground truth is never looked at.
        baselines: Other matchers by name, scored on the same pixels.
        checkpoint: where the weights came from, for the record.
        progress: Show a bar.
        on_image: Called after each image of `matcher`, for pictures.
        label: what `matcher` is called beside those compared with it; recorded only with `compared`.
        compared: Other networks by label, scored on the same pixels.
        on_others: Gives for the label of a compared network or a baseline what to call after each image.

    Returns:
        The content of results.json.
    """
    protocol = protocol or EvaluationProtocol()
    identity = describe(matcher)

    def score(candidate: Matcher, label: str, callback: OnImage | None) -> dict[str, Any]:
        return {
            name: evaluate_set(
                candidate, dataset, protocol, name, label, max_disparity, progress, callback
            ).to_dict()
            for name, dataset in sets.items()
        }

    results: dict[str, Any] = {
        "checkpoint": None if checkpoint is None else str(checkpoint),
        **identity,
        "protocol": protocol.to_dict(),
        "max_disparity": max_disparity,
        "sets": score(matcher, identity["model"], on_image),
    }
    if compared:
        results["label"] = label or identity["model"]
        results["compared"] = {
            name: {
                "checkpoint": other.checkpoint,
                **describe(other.matcher),
                "sets": score(other.matcher, name, on_others(name) if on_others else None),
            }
            for name, other in compared.items()
        }
    if baselines:
        results["baselines"] = {
            name: {"sets": score(baseline, name, on_others(name) if on_others else None)}
            for name, baseline in baselines.items()
        }
    return results


def evaluate_set(
    matcher: Matcher,
    dataset: Dataset[StereoSample],
    protocol: EvaluationProtocol | None = None,
    name: str | None = None,
    label: str = "matching",
    max_disparity: int | str = "auto",
    progress: bool = True,
    on_image: OnImage | None = None,
) -> SetResult:
    """Score a matcher on one data set.

    The time is that of ``predict`` alone, without reading files. On a GPU the first image is matched once
    beforehand, untimed, because a first pass pays for allocations and the choice of kernels.

    Args:
        matcher: as in `evaluate`, and so all that is not named here.
        dataset: Samples with ``disparity`` and ``valid``.
        protocol: which pixels count and how they are averaged; the rule for `name` is taken.
        name: of the set; its own name by default.
        label: what the progress bar calls the matcher.
        max_disparity: The range to search.
        progress: Show a bar.
        on_image: Called after each image.

    Raises:
        DataError: Ground truth that counts as valid is not a number.
        ShapeError: The prediction is not of the left view's size.
    """
    name = name or str(getattr(dataset, "name", type(dataset).__name__))
    result = SetResult(name, rule=(protocol or EvaluationProtocol()).rule(name))
    kinds = set()
    warm_up = needs_warm_up(matcher)
    indices = range(len(dataset))  # type: ignore[arg-type]
    for index in track(indices, f"{label} on {result.name}", unit="image", enabled=progress):
        sample = dataset[index]
        scored, kind = scored_pixels(sample, result.rule)
        if not scored.any():
            result.skipped.append(sample["name"])
        if not sample.get("valid", scored).any():
            continue
        reach = resolve_max_disparity(max_disparity, sample.get("calibration"), sample["left"].shape[1])
        if warm_up and not result.cells:
            matcher.predict(sample["left"], sample["right"], reach)
        prediction, seconds = timed_prediction(matcher, sample, reach)
        if not np.isfinite(sample["disparity"][sample["valid"]]).all():
            raise DataError(
                f"{sample['dataset']} {sample['name']}: ground truth marked as valid is not finite"
            )
        if too_short(prediction, reach):
            result.short.append(sample["name"])
        cells = count_cells(sample, prediction, scored)
        result.cells.append(cells)
        result.sizes.add((scored.shape[0], scored.shape[1]))
        if not scored.any():
            continue  # it has no score by this protocol, but its pixels belong to other regions
        kinds.add(kind)
        result.per_image.append(_image_result(sample["name"], cells, seconds, reach))
        if on_image:
            on_image(result.name, sample, prediction, scored)
    result.pixels_used = kinds.pop() if len(kinds) == 1 else ("mixed" if kinds else result.rule.pixels)
    _warn(result)
    return result


def scored_pixels(sample: StereoSample, rule: Rule) -> tuple[Mask, str]:
    """Return the mask of the pixels that count, and whether these are the "noc", "occ" or "all" known ones.

    A set that has ground truth for visible pixels only is reported as "noc" where all were asked for. Where a
    set does not tell which pixels both views see, "noc" falls back to all known ones, and "occ" has none.
    """
    if "disparity" not in sample:
        return np.zeros(sample["left"].shape[:2], np.bool_), "all"
    valid, target = sample["valid"], sample["disparity"]
    noc = sample.get("noc")
    if rule.pixels == "occ":
        mask, kind = (np.zeros_like(valid) if noc is None else valid & ~noc), "occ"
    elif noc is not None and (rule.pixels == "noc" or not (valid & ~noc).any()):
        mask, kind = valid & noc, "noc"
    else:
        mask, kind = valid, "all"
    if rule.ground_truth_below is not None:
        mask = mask & (
            target <= rule.ground_truth_below if rule.below_inclusive else target < rule.ground_truth_below
        )
    if rule.ground_truth_from is not None:
        mask = mask & (
            target >= rule.ground_truth_from if rule.from_inclusive else target > rule.ground_truth_from
        )
    return mask, kind


def describe(matcher: Matcher) -> dict[str, Any]:
    """Return model, norm, number of parameters and tiles of a matcher, as results.json states them."""
    if isinstance(matcher, TiledMatcher):
        tiles = {"tile": matcher.tile, "overlap": matcher.overlap, "memory": matcher.memory}
        return {**describe(matcher.inner), "tiles": tiles}
    config: Mapping[str, Any] = getattr(matcher, "config", {})
    parameters = 0
    if isinstance(matcher, torch.nn.Module):
        parameters = sum(parameter.numel() for parameter in matcher.parameters())
    return {
        "model": config.get("model") or type(matcher).__name__.lower(),
        "norm": config.get("norm"),
        "parameters": parameters,
    }


def _image_result(name: str, cells: Cells, seconds: float, reach: int) -> ImageResult:
    sums = scored_sums(cells)
    measured = scores(sums)
    numbers = {metric: measured[metric] for metric in METRICS}
    return ImageResult(name, numbers, int(sums[0]), seconds, reach, non_finite=int(sums[-1]))


def _warn(result: SetResult) -> None:
    if result.skipped:
        names = ", ".join(first_of(result.skipped))
        log.warning("%s: left out, not one pixel to score: %s", result.name, names)
    if result.short:
        log.warning(
            "%s: many answers lie at the end of the search range, max_disparity= may be too short: %s",
            result.name,
            ", ".join(first_of(result.short)),
        )
    wild = [image for image in result.per_image if image.non_finite]
    for image in wild[:NAMED]:
        log.warning(
            "%s %s: %d scored pixels are nan or infinite; they count as wrong and the EPE is infinite",
            result.name,
            image.name,
            image.non_finite,
        )
    if len(wild) > NAMED:
        log.warning("%s: and %d more images with such pixels", result.name, len(wild) - NAMED)
