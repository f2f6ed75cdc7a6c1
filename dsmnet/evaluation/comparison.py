"""Runs that differ in their seed alone, put together: mean and standard deviation per group and set."""

from __future__ import annotations

import logging
import math
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsmnet.errors import UserError
from dsmnet.evaluation.json_numbers import json_number
from dsmnet.evaluation.protocol import METRICS, Rule
from dsmnet.evaluation.runs import Run

log = logging.getLogger(__name__)

ADAPTED = " + AdaBN"
# What may differ between runs: where things lie, what is shown, and what is checked in the results instead.
_IRRELEVANT = {
    *("seed", "paths", "progress", "panels", "resume", "eval", "baseline", "experiment", "max_disparity"),
    *("logger", "again"),
}
_NAMED = 4  # differing settings that a message lists


@dataclass(frozen=True)
class Statistic:
    """One metric over the seeds of a group."""

    values: Mapping[int, float]  # by seed; infinite where a prediction was

    @property
    def mean(self) -> float:
        """Mean over the seeds; nan without any."""
        return statistics.fmean(self.values.values()) if self.values else math.nan

    @property
    def sd(self) -> float:
        """Standard deviation of the sample (n - 1); nan below two seeds, or where a value is infinite."""
        values = list(self.values.values())
        return statistics.stdev(values) if len(values) > 1 and math.isfinite(sum(values)) else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of comparison.json; what is not finite becomes null."""
        entry: dict[str, Any] = {"mean": json_number(self.mean), "sd": json_number(self.sd)}
        entry |= {"n": len(self.values), "seeds": sorted(self.values)}
        infinite = sorted(seed for seed, value in self.values.items() if math.isinf(value))
        return entry | ({"infinite": infinite} if infinite else {})


@dataclass(frozen=True)
class Group:
    """The runs of one row."""

    label: str
    runs: Sequence[Run]

    @property
    def seeds(self) -> list[int]:
        """The seeds, each once."""
        return sorted({run.seed for run in self.runs})

    @property
    def source_epe(self) -> Statistic:
        """EPE on the source's validation split, pixels, by which weights are chosen."""
        return Statistic({run.seed: run.source_epe for run in self.runs if run.source_epe is not None})

    def on(self, name: str, metric: str) -> Statistic:
        """One metric on one set."""
        return Statistic({r.seed: r.sets[name].score(metric) for r in self.runs if name in r.sets})


@dataclass(frozen=True)
class Comparison:
    """All groups, in the order of their source validation EPE; adaptations below what they adapt."""

    by: Sequence[str]
    sets: Mapping[str, int]  # number of images by name
    protocol: Mapping[str, Any]
    rules: Mapping[str, Rule]  # by the name of the set
    groups: Sequence[Group]

    def to_dict(self) -> dict[str, Any]:
        """Return the content of comparison.json."""
        return {
            "by": list(self.by),
            "evaluated_with": dict(self.protocol),
            "rules": {name: rule.to_dict() for name, rule in self.rules.items()},
            "sets": dict(self.sets),
            "groups": [
                {
                    "label": group.label,
                    "seeds": group.seeds,
                    "source_validation_epe": group.source_epe.to_dict(),
                    "sets": {
                        name: {metric: group.on(name, metric).to_dict() for metric in METRICS}
                        for name in self.sets
                    },
                }
                for group in self.groups
            ],
            "runs": [
                {
                    "folder": str(run.folder),
                    "group": group.label,
                    "seed": run.seed,
                    "source_validation_epe": run.source_epe,
                    "sets": {
                        name: {metric: json_number(found.score(metric)) for metric in METRICS}
                        | {"images": found.images}
                        for name, found in run.sets.items()
                    },
                }
                for group in self.groups
                for run in group.runs
            ],
        }


def compare(runs: Sequence[Run], by: str | Sequence[str]) -> Comparison:
    """Group trainings and adaptations, at least one, and make sure that what is compared can be.

    `by` names what makes a group: ``choices``, else dotted keys of the configuration.

    Raises:
        UserError: A configuration lacks such a key, runs were evaluated differently, or a seed comes twice.
    """
    by = [by] if isinstance(by, str) else list(by)
    members: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        members[_label(run, by) + (ADAPTED if run.adapted else "")].append(run)
    for label, group in members.items():
        _check_seeds(label, group, by)
    _check_comparable(runs)

    def position(group: Group) -> tuple[float, str, bool]:
        label = group.label.removesuffix(ADAPTED)
        trained = Group(label, members.get(label, []))
        mean = trained.source_epe.mean
        return (math.inf if math.isnan(mean) else mean, label, group.label != label)

    groups = sorted((Group(label, group) for label, group in members.items()), key=position)
    sets = {name: found.images for run in runs for name, found in run.sets.items()}
    rules = {name: found.rule for run in runs for name, found in run.sets.items()}
    _warn(groups, by)
    return Comparison(by, sets, runs[0].protocol, rules, groups)


def _label(run: Run, by: Sequence[str]) -> str:
    """Name a run's group: the choices, and ``key=value`` for other keys."""
    parts = []
    choices = run.config.get("choices") or {}
    for key in by:
        if key in choices:
            parts.append(str(choices[key]))
            continue
        value: Any = run.config
        for step in key.split("."):
            if not isinstance(value, Mapping) or step not in value:
                place = run.folder / "config.yaml"
                raise UserError(f"by={key}: {place} has neither such a choice nor such a key")
            value = value[step]
        parts.append(f"{key}={value}")
    return ", ".join(parts) or "all runs"


def _check_seeds(label: str, runs: Sequence[Run], by: Sequence[str]) -> None:
    """Each seed once; of adaptations, once per set."""
    seen: dict[Any, Run] = {}
    for run in runs:
        other = seen.setdefault((run.seed, *(run.sets if run.adapted else ())), run)
        if other is not run:
            differing, advice = _differences(run, other, by), "leave one out"
            if differing:
                advice = f"they differ in {differing}, which may belong into by="
            raise UserError(
                f"{other.folder} and {run.folder} are both of group {label} with seed {run.seed}; {advice}"
            )


def _check_comparable(runs: Sequence[Run]) -> None:
    """The same search range everywhere; the same rule, images and pixels wherever a set is the same."""
    first: dict[str, Run] = {}
    for run in runs:
        _check_same("max_disparity", runs[0], run, runs[0].protocol, run.protocol)
        for name in run.sets:
            other = first.setdefault(name, run)
            there_rule, here_rule = (_decisive(r.sets[name].rule) for r in (other, run))
            for key in here_rule:
                _check_same(key, other, run, there_rule, here_rule, f" on {name}")
            there, here = (
                f"{found.images} images, {found.pixels} pixels ({found.pixels_used})"
                for found in (other.sets[name], run.sets[name])
            )
            if there != here:
                raise UserError(
                    f"not comparable: {name} has {there} in {other.folder}, {here} in {run.folder}; "
                    "evaluate both on the same data"
                )


def _decisive(rule: Rule) -> dict[str, Any]:
    """Return what of a rule decides the values; which of them is the headline does not."""
    values = rule.to_dict() | {"average_epe": rule.average_of("epe")}
    return {f"protocol.{key}": value for key, value in values.items() if key != "headline"}


def _check_same(
    key: str, other: Run, run: Run, there: Mapping[str, Any], here: Mapping[str, Any], where: str = ""
) -> None:
    if there[key] != here[key]:
        raise UserError(
            f"not comparable: {other.folder} was evaluated with {key}={there[key]}, "
            f"{run.folder} with {key}={here[key]}{where}"
        )


def _warn(groups: Sequence[Group], by: Sequence[str]) -> None:
    """Say what makes a comparison less than fair."""
    trained = [run for group in groups for run in group.runs if not run.adapted]
    names = {name for run in trained for name in run.sets}
    for run in trained:
        missing = sorted(names - run.sets.keys())
        if missing:
            log.warning("%s: not evaluated on %s, others are", run.folder, ", ".join(missing))
    differing = defaultdict(list)
    for run in trained:
        differing[_differences(trained[0], run, by)].append(str(run.folder))
    for settings, folders in differing.items():
        if settings:
            log.warning(
                "%s differ from %s in more than by= and the seed: %s",
                *(", ".join(folders), trained[0].folder, settings),
            )
    if len({tuple(group.seeds) for group in groups}) > 1:
        seeds = "; ".join(f"{g.label}: {', '.join(map(str, g.seeds))}" for g in groups)
        log.warning("the groups have different seeds (%s)", seeds)


def _differences(a: Run, b: Run, by: Sequence[str]) -> str:
    """Name the settings in which two runs differ beside the seed and what `by` names, choices first."""
    one, two = _settings(a.config, by), _settings(b.config, by)
    missing = object()
    names = [key for key in {**one, **two} if one.get(key, missing) != two.get(key, missing)]
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _settings(config: Mapping[str, Any], by: Sequence[str]) -> dict[str, Any]:
    """Return the choices and the keys that decide a training's outcome, without those that make groups."""
    grouped = {re.split(r"[./@]", key)[-1] for key in by}  # norm decides norm.layer and model.norm.layer
    choices = {
        key: value
        for key, value in (config.get("choices") or {}).items()
        if key not in by and not _IRRELEVANT & set(re.split(r"[./@]", key))
    }
    output = str((config.get("paths") or {}).get("output"))
    leaves = {
        ".".join(path): value.replace(output, "") if isinstance(value, str) else value
        for path, value in _leaves(config)
        if path[0] not in _IRRELEVANT | {"choices"} and not grouped & set(path)
    }
    return choices | leaves


def _leaves(node: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*above, str(key)))
        else:
            yield (*above, str(key)), value
