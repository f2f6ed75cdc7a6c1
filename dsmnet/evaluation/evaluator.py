"""A matcher against data sets with ground truth: the numbers of the cross-domain table."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from dsmnet.datasets.base import read_from
from dsmnet.errors import NAMED, DataError, first_of
from dsmnet.evaluation.protocol import METRICS, EvaluationProtocol, Rule
from dsmnet.evaluation.regions import ImageErrors, count_errors, object_scores, region_scores
from dsmnet.evaluation.results import ImageResult, MatcherResult, Results, SetResult
from dsmnet.inference.search import resolve_max_disparity, too_short
from dsmnet.inference.shifted import from_min_disparity
from dsmnet.inference.tiled import TiledMatcher
from dsmnet.inference.timing import needs_warm_up, timed_prediction
from dsmnet.metrics import pixel_mask
from dsmnet.progress import track
from dsmnet.types import DisparityMap, Mask, Matcher, StereoSample

log = logging.getLogger(__name__)

OnImage = Callable[[str, StereoSample, DisparityMap, Mask], None]  # set, sample, prediction, scored pixels


class Compared(NamedTuple):
    """Another network that is scored beside the first, and the file of its weights."""

    matcher: Matcher
    checkpoint: str | None = None


def evaluate(
    matcher: Matcher,
    sets: Mapping[str, Dataset[StereoSample]],
    protocol: EvaluationProtocol | None = None,
    *,
    max_disparity: int | str = "auto",
    min_disparity: int = 0,
    baselines: Mapping[str, Matcher] | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
    on_image: Sequence[OnImage] = (),
    label: str | None = None,
    compared: Mapping[str, Compared] | None = None,
    on_others: Callable[[str], OnImage] | None = None,
) -> Results:
    """Score a matcher, and others and baselines beside it, on several sets.

    Args:
        matcher: Network with ``predict``, or any other `Matcher`.
        sets: Data sets by the name they have in the result.
        protocol: Pixels that count and how they are averaged; noc and mean over images by default.
        max_disparity: Pixels to search, or "auto": what the calibration of each pair states, else 192. The
            ground truth is never looked at.
        min_disparity: Least disparity that is searched, pixels; the sets are read from there on, too.
        baselines: Other matchers by name, scored on the same pixels.
        checkpoint: File of the weights, for the record.
        progress: Show a bar.
        on_image: Callbacks after each image of `matcher`, for pictures.
        label: Name of `matcher` beside those compared with it; its model by default.
        compared: Other networks by label, scored on the same pixels.
        on_others: Gives for the label of a compared network or a baseline the callback after each image.
    """
    protocol = protocol or EvaluationProtocol()

    def score(candidate: Matcher, label: str, callbacks: Sequence[OnImage]) -> dict[str, SetResult]:
        return {
            name: evaluate_set(
                *(
                    candidate,
                    dataset,
                    protocol,
                    name,
                    label,
                    max_disparity,
                    progress,
                    callbacks,
                    min_disparity,
                )
            )
            for name, dataset in sets.items()
        }

    def score_other(name: str, other: Matcher) -> dict[str, SetResult]:
        return score(other, name, [on_others(name)] if on_others else ())

    model = model_name(matcher)
    source = None if checkpoint is None else str(checkpoint)
    return Results(
        label=label or model,
        first=matcher_result(matcher, score(matcher, model, on_image), source),
        protocol=protocol,
        max_disparity=max_disparity,
        min_disparity=min_disparity,
        compared={
            name: matcher_result(other.matcher, score_other(name, other.matcher), other.checkpoint)
            for name, other in (compared or {}).items()
        },
        baselines={name: score_other(name, baseline) for name, baseline in (baselines or {}).items()},
    )


def evaluate_set(
    matcher: Matcher,
    dataset: Dataset[StereoSample],
    protocol: EvaluationProtocol | None = None,
    name: str | None = None,
    label: str = "matching",
    max_disparity: int | str = "auto",
    progress: bool = True,
    on_image: Sequence[OnImage] = (),
    min_disparity: int = 0,
) -> SetResult:
    """Score a matcher on one data set.

    The time is that of ``predict`` alone, without reading files. On a GPU the first image is matched once
    beforehand, untimed, because a first pass pays for allocations and the choice of kernels.

    Arguments as in `evaluate`; `protocol` gives the rule for `name`, by default the name of the set, and
    `label` is the matcher's name in the progress bar. Valid ground truth that is not finite is a DataError.
    """
    name = name or str(getattr(dataset, "name", type(dataset).__name__))
    rule = (protocol or EvaluationProtocol()).rule(name)
    images: list[ImageResult] = []
    errors: list[ImageErrors] = []  # of all images with ground truth, also of those that are skipped
    skipped, short = [], []
    kinds, sizes = set(), set()
    matcher = from_min_disparity(matcher, min_disparity)
    read_from(dataset, min_disparity)
    warm_up = needs_warm_up(matcher)
    indices = range(len(dataset))  # type: ignore[arg-type]
    for index in track(indices, f"{label} on {name}", unit="image", enabled=progress):
        sample = dataset[index]
        scored, kind = scored_pixels(sample, rule)
        if not scored.any():
            skipped.append(sample["name"])
        if not sample.get("valid", scored).any():
            continue
        search = resolve_max_disparity(max_disparity, sample.get("calibration"), sample["left"].shape[1])
        if warm_up and not errors:
            matcher.predict(sample["left"], sample["right"], search)
        prediction, seconds = timed_prediction(matcher, sample, search)
        if not np.isfinite(sample["disparity"][sample["valid"]]).all():
            raise DataError(
                f"{sample['dataset']} {sample['name']}: ground truth marked as valid is not finite"
            )
        if matcher.has_range and too_short(prediction, search):
            short.append(sample["name"])
        errors.append(count_errors(sample, prediction, scored))
        sizes.add(scored.shape)
        if not scored.any():
            continue  # it has no score by this protocol, but its pixels belong to other regions
        kinds.add(kind)
        sums = errors[-1].scored
        measured = sums.scores()
        scores = {metric: measured[metric] for metric in METRICS}
        images.append(ImageResult(sample["name"], scores, sums.pixels, seconds, search, sums.non_finite))
        for callback in on_image:
            callback(name, sample, prediction, scored)
    by_area = sorted(sizes, key=math.prod)
    result = SetResult(
        name,
        images,
        rule,
        pixels_used=kinds.pop() if len(kinds) == 1 else ("mixed" if kinds else rule.pixels),
        skipped=skipped,
        sizes=[by_area[0], by_area[-1]] if by_area else (),
        regions=region_scores(errors),
        objects=object_scores(errors),
    )
    _warn(result, short)
    return result


def scored_pixels(sample: StereoSample, rule: Rule) -> tuple[Mask, str]:
    """Return the mask of the pixels that count, and whether these are the "noc", "occ" or "all" known ones.

    A set that has ground truth for visible pixels only is reported as "noc" where all were asked for. Where a
    set does not tell which pixels both views see, "noc" falls back to all known ones, and "occ" has none.
    """
    if "disparity" not in sample:
        return np.zeros(sample["left"].shape[:2], np.bool_), "all"
    valid, target, noc, kind = sample["valid"], sample["disparity"], sample.get("noc"), rule.pixels
    if kind == "noc" and noc is None:
        kind = "all"
    elif kind == "all" and noc is not None and not pixel_mask(valid, noc, "occ").any():
        kind = "noc"
    mask = pixel_mask(valid, noc, kind)
    low, high = rule.ground_truth_from, rule.ground_truth_below
    if high is not None:
        mask = mask & (target <= high if rule.below_inclusive else target < high)
    if low is not None:
        mask = mask & (target >= low if rule.from_inclusive else target > low)
    return mask, kind


def model_name(matcher: Matcher) -> str:
    """Return a network's model as its configuration has it, another matcher's class in lower case."""
    inner = matcher.inner if isinstance(matcher, TiledMatcher) else matcher
    return str(getattr(inner, "config", {}).get("model") or type(inner).__name__.lower())


def matcher_result(
    matcher: Matcher, sets: Mapping[str, SetResult], checkpoint: str | None = None
) -> MatcherResult:
    """Return the scores of a matcher with model, norm, number of parameters and tiles."""
    tiles, inner, parameters = None, matcher, 0
    if isinstance(matcher, TiledMatcher):
        tiles = {"tile": matcher.tile, "overlap": matcher.overlap, "memory": matcher.memory}
        inner = matcher.inner
    if isinstance(inner, torch.nn.Module):
        parameters = sum(parameter.numel() for parameter in inner.parameters())
    norm = getattr(inner, "config", {}).get("norm")
    return MatcherResult(sets, model_name(matcher), norm, parameters, tiles, checkpoint)


def _warn(result: SetResult, short: Sequence[str]) -> None:
    """Say which images were left out, perhaps not searched far enough (`short`), or predicted in part."""
    if result.skipped:
        names = ", ".join(first_of(result.skipped))
        log.warning("%s: left out, not one pixel to score: %s", result.name, names)
    if short:
        log.warning(
            "%s: many predictions lie at the end of the search range, max_disparity= may be too short: %s",
            *(result.name, ", ".join(first_of(short))),
        )
    wild = [image for image in result.per_image if image.non_finite]
    for image in wild[:NAMED]:
        log.warning(
            "%s %s: %d scored pixels are nan or infinite; they count as wrong and the EPE is infinite",
            *(result.name, image.name, image.non_finite),
        )
    if len(wild) > NAMED:
        log.warning("%s: and %d more images with such pixels", result.name, len(wild) - NAMED)
