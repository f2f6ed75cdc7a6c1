"""The cross-domain evaluation, from a configuration to table and files: how `evaluate` and `train` end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from dsmnet.atomic import write_text
from dsmnet.errors import DataError, UserError, count
from dsmnet.evaluation import confidence, error_breakdown, report
from dsmnet.evaluation.evaluator import Compared, OnImage, describe, evaluate
from dsmnet.evaluation.html import Pictures, write_page
from dsmnet.evaluation.panels import panel_writer
from dsmnet.evaluation.sets import FoundSets, find_sets
from dsmnet.evaluation.sparsification import Sparsification
from dsmnet.types import DisparityMap, Mask, Matcher, StereoSample

log = logging.getLogger(__name__)


def cross_domain_evaluation(
    matcher: Matcher,
    cfg: Any,
    output: Path,
    *,
    build: Callable[[Any], Any],
    checkpoint: str | Path | None = None,
    sets: FoundSets | None = None,
    label: str | None = None,
    compared: Mapping[str, Compared] | None = None,
) -> dict[str, Any]:
    """Score a matcher on the sets of ``cfg.eval``, print the table, write the results' files.

    These are results.json, results.md, results.csv and, where ``cfg.html`` says so, results.html; where
    ``cfg.confidence`` does, sparsification.png and sparsification.md.

    Args:
        matcher: Network, already on its device, or any other `Matcher`.
        cfg: With ``eval`` (``sets``, ``fallback``), ``protocol`` and, where given, ``baseline``,
            ``max_disparity`` (the search range), ``panels``, ``confidence`` and ``causes`` (of `matcher`),
            ``html``, ``html_images`` and ``progress``.
        output: Folder for the files.
        build: Makes an object of a configuration node (`dsmnet.config.instantiate`).
        checkpoint: where the weights came from, for the record.
        sets: what `choose_sets` returned, if the caller looked already.
        label: see `evaluate`.
        compared: Other networks by label, scored on the same pixels.

    Returns:
        The content of results.json.

    Raises:
        DataError: see `choose_sets`.
        UserError: An option has a value it cannot have.
    """
    present, missing, trained_on = sets or choose_sets(cfg, build)
    baseline, protocol, reach = cfg.get("baseline"), build(cfg.protocol), cfg.get("max_disparity", "auto")
    sparsification = Sparsification(matcher, protocol, reach) if cfg.get("confidence", False) else None
    by_cause = error_breakdown.ErrorsByCause() if cfg.get("causes", False) else None
    with Pictures(output, cfg.get("html_images", 0) if cfg.get("html", False) else 0) as pictures:
        watchers = [pictures.of(label or describe(matcher)["model"])]
        if cfg.get("panels", False):
            watchers.append(panel_writer(output / "panels"))
        if sparsification:
            watchers.append(sparsification)
        if by_cause:
            watchers.append(by_cause)
        results = evaluate(
            matcher,
            present,
            protocol,
            max_disparity=reach,
            baselines={baseline.name: build(baseline.matcher)} if baseline else None,
            checkpoint=checkpoint,
            progress=cfg.get("progress", True),
            on_image=_all(watchers),
            label=label,
            compared=compared,
            on_others=pictures.of,
        )
        results["missing"] = missing
        if trained_on:
            results["trained_on"] = trained_on
        if sparsification:
            results["confidence"] = sparsification.to_dict()
        if by_cause:
            results["causes"] = by_cause.entry()
            write_text(output / "causes.md", error_breakdown.markdown(results["causes"]))
            log.info("wrote %s: where the error lies", output / "causes.md")
        report.write(results, output)
        report.show(results)
        if sparsification:
            confidence.present(results, output)
        log.info("wrote %s, results.md and results.csv", output / "results.json")
        if cfg.get("html", False):
            log.info("wrote %s", write_page(results, pictures, output))
    return results


def _length(dataset: Any) -> int:
    return len(dataset)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Let only warnings of a part of the package be logged meanwhile."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _all(watchers: list[OnImage]) -> OnImage:
    """Return a callback that calls each of these."""

    def call(set_name: str, sample: StereoSample, prediction: DisparityMap, scored: Mask) -> None:
        for watcher in watchers:
            watcher(set_name, sample, prediction, scored)

    return call


def choose_sets(cfg: Any, build: Callable[[Any], Any], *, brief: bool = False) -> FoundSets:
    """Find the sets of ``cfg.eval.sets``; where there is none, take ``cfg.eval.fallback`` and say so.

    Args:
        cfg: With ``eval``.
        build: see `cross_domain_evaluation`.
        brief: Say on one line what is there, instead of one for each set.

    Raises:
        DataError: No set is there and the configuration names no fallback, or a set is broken.
        UserError: The configuration names no set.
    """
    if not cfg.eval.sets:
        raise UserError("eval.sets is empty: expected at least one data set, as in eval=cross_domain")
    with _quiet("dsmnet.data") if brief else nullcontext():
        found = find_sets(cfg.eval.sets, build)
    if found.present:
        if brief:
            there = ", ".join(f"{name} ({count(_length(s), 'pair')})" for name, s in found.present.items())
            log.info("evaluation on %s; not there: %s", there, ", ".join(found.missing) or "none")
        return found
    places = ", ".join(f"{name} in {folder}" for name, folder in found.missing.items())
    fallback = cfg.eval.get("fallback")
    if not fallback:
        raise DataError(f"no data set to evaluate on; expected {places} (set paths.data or DSMNET_DATA)")
    log.warning(
        "No real data set found, so the table is on held-back scenes (%s). "
        "With paths.data=DIR or DSMNET_DATA=DIR real ones are used: %s",
        ", ".join(fallback),
        places,
    )
    return FoundSets({name: build(node) for name, node in fallback.items()}, found.missing)
