"""Finished trainings and their adaptations, read back from the folders that the tools wrote."""

from __future__ import annotations

import csv
import glob
import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from dsmnet.errors import DataError, FormatError, UserError
from dsmnet.evaluation.protocol import METRICS
from dsmnet.evaluation.results import SetResult

log = logging.getLogger(__name__)

_MAX_DRIFT = 0.01  # share by which two evaluations of the same weights may differ: kernels and threads round


@dataclass(frozen=True)
class Run:
    """A training with what it was evaluated on, or one adaptation of it."""

    folder: Path
    config: Mapping[str, Any]  # config.yaml of the training
    seed: int
    protocol: Mapping[str, Any]  # as the file states it, with the search range; each set has its own rule
    source_epe: float | None  # smallest of the training on the source's validation split, pixels
    sets: Mapping[str, SetResult]
    adapted: bool = False


def read_runs(patterns: str | Sequence[str]) -> list[Run]:
    """Read the folders of tools/train.py that match; one that is not finished is warned of and left out."""
    runs = [_read_run(folder) for folder in _folders("runs", patterns, ("config.yaml", "results.json"))]
    if not runs:
        raise UserError(f"runs={patterns}: expected at least one finished run of tools/train.py")
    return runs


def read_adaptations(patterns: str | Sequence[str], runs: Sequence[Run]) -> list[Run]:
    """Read the folders of tools/adapt.py that match, each with the configuration and seed of its training.

    An adaptation belongs to the run in whose folder its checkpoint lies. Without such a run, or not scored
    for want of ground truth, it is warned of and left out.
    """
    by_folder = {run.folder.resolve(): run for run in runs}
    found = []
    for folder in _folders("adapted", patterns, ("adapt.json",)):
        record = _read(folder / "adapt.json", json.loads)
        places = Path(str(_get(record, "checkpoint", folder / "adapt.json"))).resolve().parents
        run = next((by_folder[place] for place in places if place in by_folder), None)
        if run is None:
            log.warning("%s: left out, no run here has its checkpoint %s", folder, record["checkpoint"])
        elif record.get("after") is None:
            log.warning("%s: left out, it was not scored", folder)
        else:
            found.append(_read_adaptation(folder, record, run))
    return found


def _read_run(folder: Path) -> Run:
    path = folder / "results.json"
    config, results = _read(folder / "config.yaml", yaml.safe_load), _read(path, json.loads)
    return Run(
        folder=folder,
        config=config,
        seed=_get(config, "seed", folder / "config.yaml"),
        protocol=_protocol(results, path),
        source_epe=_source_epe(folder, resumed=config.get("resume") is not None),
        sets=_sets(_get(results, "sets", path), path),
    )


def _read_adaptation(folder: Path, record: Mapping[str, Any], run: Run) -> Run:
    path = folder / "adapt.json"
    name = _get(record, "dataset", path)
    before, after = (_sets({name: _get(record, when, path)}, path) for when in ("before", "after"))
    if name in before and name in run.sets:
        there, here = (sets[name].score("epe") for sets in (run.sets, before))
        if not math.isclose(there, here, rel_tol=_MAX_DRIFT):
            log.warning(
                "%s: the EPE on %s before the adaptation was %.3f, in %s it is %.3f: other weights?",
                *(folder, name, here, run.folder, there),
            )
    return replace(
        run, folder=folder, protocol=_protocol(record, path), source_epe=None, sets=after, adapted=True
    )


def _folders(option: str, patterns: str | Sequence[str], needed: Sequence[str]) -> list[Path]:
    """Return the folders that match and hold the files needed; warn of the others."""
    patterns = [patterns] if isinstance(patterns, str) else patterns
    matching = {Path(name) for pattern in patterns for name in glob.glob(pattern, recursive=True)}
    folders = sorted(path for path in matching if path.is_dir())
    if not folders:
        raise UserError(f"{option}={', '.join(patterns)}: no such folder")
    complete = []
    for folder in folders:
        missing = [name for name in needed if not (folder / name).is_file()]
        if missing:
            log.warning("%s: left out, not finished: it has no %s", folder, " and no ".join(missing))
        else:
            complete.append(folder)
    return complete


def _read(path: Path, parse: Callable[[str], Any]) -> dict[str, Any]:
    try:
        content = parse(path.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        raise FormatError(f"{path}: broken: {error}") from error
    if not isinstance(content, dict):
        raise FormatError(f"{path}: expected keys and values")
    return content


def _get(content: Any, key: str, path: Path) -> Any:
    try:
        return content[key]
    except (KeyError, TypeError):
        raise FormatError(f"{path}: not as the tools write it, {key} is missing") from None


def _protocol(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    protocol, max_disparity = (_get(content, key, path) for key in ("protocol", "max_disparity"))
    general = [key for key in protocol if key not in ("description", "sets")]
    searched = {"max_disparity": max_disparity, "min_disparity": content.get("min_disparity", 0)}
    return {**{f"protocol.{key}": protocol[key] for key in general}, **searched}


def _sets(entries: Mapping[str, Any], path: Path) -> dict[str, SetResult]:
    """Read the sets that have a scored image."""
    sets = {}
    for name, entry in entries.items():
        try:
            found = SetResult.from_dict(name, entry)
        except (KeyError, TypeError) as error:
            raise FormatError(f"{path}: not as the tools write it, {error.args[0]} is missing") from None
        infinite = [metric for metric in METRICS if math.isinf(found.score(metric))]
        if not found.images:
            log.warning("%s: %s left out, not one image was scored", path, name)
            continue
        if infinite:
            log.warning(
                "%s: on %s some predictions are nan or infinite, and so is %s", path, name, infinite[0]
            )
        sets[name] = found
    return sets


def _source_epe(folder: Path, resumed: bool) -> float | None:
    """Return the smallest val/epe: that of the weights which the training kept and evaluated.

    A resumed training knows the best weights of its beginning, whose curve lies in metrics.1.csv and so on.
    """
    found = []
    for path in folder.glob("metrics*.csv" if resumed else "metrics.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                try:
                    found.append(float(row.get("val/epe") or "nan"))
                except ValueError:
                    raise DataError(f"{path}: val/epe is {row['val/epe']!r}, not a number") from None
    finite = [value for value in found if math.isfinite(value)]
    if not finite:
        log.warning("%s: metrics.csv holds no val/epe; the run has no source validation EPE", folder)
        return None
    return min(finite)
