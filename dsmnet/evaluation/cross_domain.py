"""The cross-domain evaluation, from a configuration to table and files: how `evaluate` and `train` end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dsmnet.atomic import write_text
from dsmnet.evaluation.error_breakdown import ErrorBreakdown, breakdown_markdown
from dsmnet.evaluation.evaluator import Compared, OnImage, evaluate, model_name
from dsmnet.evaluation.html import Pictures, write_page
from dsmnet.evaluation.panels import panel_writer
from dsmnet.evaluation.report import results_title, show_results, write_results
from dsmnet.evaluation.results import Results
from dsmnet.evaluation.sets import FoundSets, choose_sets
from dsmnet.evaluation.sparsification import Sparsification, present_confidence
from dsmnet.inference.shifted import from_min_disparity
from dsmnet.types import Matcher

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
) -> Results:
    """Score a matcher on the sets of ``cfg.eval``, print the table, write the results' files.

    These are results.json, results.md, results.csv, and what ``cfg`` asks for: results.html (``html``,
    ``html_images``), sparsification.png and sparsification.md (``confidence``), error_breakdown.md
    (``error_breakdown``) and ``panels``, the last three of `matcher` alone.

    Args:
        matcher: Network, already on its device, or any other `Matcher`.
        cfg: Configuration with ``eval`` (``sets``, ``fallback``) and ``protocol``; where given, the options
            above, ``baseline``, ``max_disparity`` (the search range), ``min_disparity`` and ``progress``.
        output: Folder for the files.
        build: Makes an object of a configuration node (`dsmnet.config.instantiate`).
        checkpoint: File of the weights, for the record.
        sets: Result of `choose_sets`, if the caller looked already.
        label: Label as in `evaluate`.
        compared: Other networks by label, scored on the same pixels.
    """
    present, missing, trained_on = sets or choose_sets(cfg, build)
    baseline, protocol = cfg.get("baseline"), build(cfg.protocol)
    max_disparity, min_disparity = cfg.get("max_disparity", "auto"), cfg.get("min_disparity", 0)
    shifted = from_min_disparity(matcher, min_disparity)
    confidence = Sparsification(shifted, protocol, max_disparity) if cfg.get("confidence", False) else None
    breakdown = ErrorBreakdown() if cfg.get("error_breakdown", False) else None
    html = cfg.get("html", False)
    with Pictures(output, cfg.get("html_images", 0) if html else 0) as pictures:
        watchers: list[OnImage] = [pictures.drawn_by(label or model_name(matcher))]
        if cfg.get("panels", False):
            watchers.append(panel_writer(output / "panels"))
        watchers += [watcher for watcher in (confidence, breakdown) if watcher]
        results = evaluate(
            matcher,
            present,
            protocol,
            max_disparity=max_disparity,
            min_disparity=min_disparity,
            baselines={baseline.name: build(baseline.matcher)} if baseline else None,
            checkpoint=checkpoint,
            progress=cfg.get("progress", True),
            on_image=watchers,
            label=label,
            compared=compared,
            on_others=pictures.drawn_by,
        )
        results = replace(
            results,
            missing=missing,
            trained_on=trained_on,
            confidence=confidence.results() if confidence else None,
            error_breakdown=breakdown.results() if breakdown else None,
        )
        if results.error_breakdown is not None:
            write_text(output / "error_breakdown.md", breakdown_markdown(results.error_breakdown))
            log.info("wrote %s", output / "error_breakdown.md")
        write_results(results, output)
        show_results(results)
        if results.confidence is not None:
            present_confidence(results.confidence, results_title(results), output)
        log.info("wrote %s, results.md and results.csv", output / "results.json")
        if html:
            log.info("wrote %s", write_page(results, pictures, output))
    return results
