"""A matcher against data sets with ground truth: the numbers of the cross-domain table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from dsmnet.errors import DataError
from dsmnet.evaluation.results import EvaluationProtocol, ImageResult, SetResult
from dsmnet.inference.files import search_range
from dsmnet.inference.progress import track
from dsmnet.inference.timing import needs_warm_up, timed_prediction
from dsmnet.metrics import functional
from dsmnet.protocols import DisparityMap, Mask, Matcher, StereoSample

log = logging.getLogger(__name__)

OnImage = Callable[[str, StereoSample, DisparityMap, Mask], None]  # set, sample, prediction, scored pixels


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
) -> dict[str, Any]:
    """Score a matcher, and baselines beside it, on several sets.

    Args:
        matcher: a network with ``predict``, or any other `Matcher`.
        sets: data sets by the name they have in the result.
        protocol: which pixels count; noc without a cap by default.
        max_disparity: pixels to search, or "auto": what the calibration of each pair states, else 192. The
            truth is never looked at.
        baselines: other matchers by name, scored on the same pixels.
        checkpoint: where the weights came from, for the record.
        progress: show a bar.
        on_image: called after each image of `matcher`, for pictures.

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
        "search_range": max_disparity,
        "sets": score(matcher, identity["model"], on_image),
    }
    if baselines:
        results["baselines"] = {
            name: {"sets": score(baseline, name, None)} for name, baseline in baselines.items()
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
        dataset: samples with ``disparity`` and ``valid``.
        protocol: which pixels count.
        name: of the set; its own name by default.
        label: what the progress bar calls the matcher.
        max_disparity: the range to search.
        progress: show a bar.
        on_image: called after each image.

    Raises:
        DataError: truth that counts as valid is not a number.
        ShapeError: the prediction is not of the left view's size.
    """
    protocol = protocol or EvaluationProtocol()
    result = SetResult(name or str(getattr(dataset, "name", type(dataset).__name__)))
    kinds = set()
    warm_up = needs_warm_up(matcher)
    indices = range(len(dataset))  # type: ignore[arg-type]
    for index in track(indices, f"{label} on {result.name}", unit="image", enabled=progress):
        sample = dataset[index]
        mask, kind = scored_pixels(sample, protocol)
        if not mask.any():
            result.skipped.append(sample["name"])
            continue
        reach = search_range(max_disparity, sample.get("calibration"))
        if warm_up and not result.per_image:
            matcher.predict(sample["left"], sample["right"], reach)
        prediction, seconds = timed_prediction(matcher, sample, reach)
        kinds.add(kind)
        result.per_image.append(_score(sample, prediction, mask, seconds, reach))
        if on_image:
            on_image(result.name, sample, prediction, mask)
    result.pixels_used = kinds.pop() if len(kinds) == 1 else ("mixed" if kinds else protocol.pixels)
    _warn(result)
    return result


def scored_pixels(sample: StereoSample, protocol: EvaluationProtocol) -> tuple[Mask, str]:
    """Return the mask of the pixels that count, and whether these are the "noc" ones or "all" known ones.

    A set that has truth for visible pixels only is reported as "noc" whatever was asked for.
    """
    if "disparity" not in sample:
        return np.zeros(sample["left"].shape[:2], np.bool_), "all"
    valid = sample["valid"]
    noc = sample.get("noc")
    mask, kind = valid, "all"
    if noc is not None and (protocol.pixels == "noc" or not (valid & ~noc).any()):
        mask, kind = valid & noc, "noc"
    if protocol.max_disparity is not None:
        mask = mask & (sample["disparity"] < protocol.max_disparity)
    return mask, kind


def describe(matcher: Matcher) -> dict[str, Any]:
    """Return model, norm and number of parameters of a matcher, as results.json states them."""
    config: Mapping[str, Any] = getattr(matcher, "config", {})
    parameters = 0
    if isinstance(matcher, torch.nn.Module):
        parameters = sum(parameter.numel() for parameter in matcher.parameters())
    return {
        "model": config.get("model") or type(matcher).__name__.lower(),
        "norm": config.get("norm"),
        "parameters": parameters,
    }


def _score(
    sample: StereoSample, prediction: DisparityMap, mask: Mask, seconds: float, reach: int
) -> ImageResult:
    if not np.isfinite(sample["disparity"][mask]).all():
        raise DataError(f"{sample['dataset']} {sample['name']}: truth marked as valid is not finite")
    predicted, truth, valid = (
        torch.from_numpy(np.ascontiguousarray(m)) for m in (prediction, sample["disparity"], mask)
    )
    scores = {
        "epe": functional.epe(predicted, truth, valid),
        **{f"bad{k}": functional.bad_pixel(predicted, truth, valid, threshold=k) for k in (1, 2, 3)},
        "d1": functional.d1(predicted, truth, valid),
    }
    non_finite = int(np.count_nonzero(~np.isfinite(prediction[mask])))
    numbers = {metric: score.item() for metric, score in scores.items()}
    return ImageResult(sample["name"], numbers, int(mask.sum()), seconds, reach, non_finite)


def _warn(result: SetResult) -> None:
    if result.skipped:
        names = ", ".join(result.skipped)
        log.warning("%s: left out, not one pixel to score: %s", result.name, names)
    for image in result.per_image:
        if image.non_finite:
            log.warning(
                "%s %s: %d scored pixels are nan or infinite; they count as wrong and the EPE is infinite",
                result.name,
                image.name,
                image.non_finite,
            )
