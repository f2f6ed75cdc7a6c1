"""Evaluation protocol: which pixels of a set are scored, and how their errors are averaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from dsmnet.errors import UserError
from dsmnet.options import check_choice, check_number

METRICS = ("epe", "bad1", "bad2", "bad3", "d1")
METRIC_NAMES = {"epe": "EPE", "bad1": "bad-1", "bad2": "bad-2", "bad3": "bad-3", "d1": "D1"}

_CHOICES = {
    "pixels": ("noc", "occ", "all"),
    "average": ("image", "pixel"),
    "average_epe": (None, "image", "pixel"),
    "headline": (None, *METRICS),
    "from_inclusive": (True, False),
    "below_inclusive": (True, False),
}
_PIXELS = {
    "noc": "pixels that both views see, where the set tells them",
    "occ": "known pixels that the right view does not see",
    "all": "all pixels with known ground truth",
}
_AVERAGES = {"image": "mean over images", "pixel": "mean over the pixels of all images together"}


@dataclass(frozen=True)
class Rule:
    """How one data set is scored. Errors are in pixels at the resolution of the ground truth.

    Args:
        pixels: ``"noc"``: those visible in both views where the set tells them, else as ``"all"``;
            ``"occ"``: those known but not visible in both; ``"all"``: all with known ground truth.
        ground_truth_below: Pixels whose true disparity is this or more are left out, as publications on
            SceneFlow do with 192. A choice of pixels, not the range that is searched.
        ground_truth_from: Pixels whose true disparity is less are left out.
        below_inclusive: A true disparity of exactly `ground_truth_below` counts.
        from_inclusive: A true disparity of exactly `ground_truth_from` counts.
        average: ``"image"``: every image counts the same; ``"pixel"``: every pixel of the set does.
        average_epe: The same for the EPE, where it differs from the shares of wrong pixels.
        headline: Metric by which methods are ranked on the set, one of `METRICS`.
    """

    pixels: str = "noc"
    ground_truth_below: float | None = None
    ground_truth_from: float | None = None
    below_inclusive: bool = False
    from_inclusive: bool = True
    average: str = "image"
    average_epe: str | None = None
    headline: str | None = None

    def __post_init__(self) -> None:
        _check(vars(self), "protocol")

    def average_of(self, metric: str) -> str:
        """Return how a metric is averaged: "image" or "pixel"."""
        return (self.average_epe or self.average) if metric == "epe" else self.average

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of results.json."""
        return asdict(self)

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Rule:
        """Read an entry of results.json, or raise KeyError."""
        return Rule(**{key: entry[key] for key in _OPTIONS})

    def words(self) -> str:
        """Return the rule as half a sentence."""
        bounds = []
        if self.ground_truth_from is not None:
            bounds.append(f"{'at least' if self.from_inclusive else 'above'} {self.ground_truth_from:g} px")
        if self.ground_truth_below is not None:
            bounds.append(f"{'at most' if self.below_inclusive else 'below'} {self.ground_truth_below:g} px")
        bounded = f", true disparity {' and '.join(bounds)}" if bounds else ""
        average = _AVERAGES[self.average]
        if self.average_of("epe") != self.average:
            average = f"wrong pixels: {average}, EPE: {_AVERAGES[self.average_of('epe')]}"
        ranking = [f"ranked by {METRIC_NAMES[self.headline]}"] if self.headline else []
        return "; ".join([_PIXELS[self.pixels] + bounded, average, *ranking])


@dataclass(frozen=True)
class EvaluationProtocol(Rule):
    """A rule, with exceptions for some data sets. The presets are in ``conf/protocol``.

    Args:
        name: Name of the preset.
        description: Origin of the protocol, and what to know of it.
        sets: Exceptions by the set's name or the beginning of it, the longest that fits:
            ``{"kitti": {"average": "pixel"}}`` is for kitti2012 and kitti2015.
    """

    name: str | None = None
    description: str = ""
    sets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, exceptions in self.sets.items():
            where = f"protocol.sets.{name}"
            if not isinstance(exceptions, Mapping):
                raise UserError(f"{where}={exceptions}: expected options, as in {{pixels: all}}")
            unknown = [key for key in exceptions if key not in _OPTIONS]
            if unknown:
                raise UserError(f"{where}.{unknown[0]}: no such option; expected {', '.join(_OPTIONS)}")
            _check(self._general() | dict(exceptions), where)

    def rule(self, name: str) -> Rule:
        """Return the rule for a data set."""
        fitting = max((key for key in self.sets if name.startswith(key)), key=len, default=None)
        return Rule(**self._general() | dict(self.sets[fitting] if fitting else {}))

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of results.json, with the whole rule for each exception."""
        rules = {name: self.rule(name).to_dict() for name in self.sets}
        return {**self._general(), "name": self.name, "description": self.description, "sets": rules}

    def _general(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in _OPTIONS}


_OPTIONS = tuple(option.name for option in fields(Rule))


def describe_rules(rules: Mapping[str, Rule]) -> list[str]:
    """Return a sentence for each rule, with the names of the sets where there is more than one."""
    by_words: dict[str, list[str]] = {}
    for name, rule in rules.items():
        by_words.setdefault(rule.words(), []).append(name)
    if len(by_words) == 1:
        (words,) = by_words
        return [f"{words[0].upper()}{words[1:]}."]
    return [f"{', '.join(names)}: {words}." for words, names in by_words.items()]


def _check(values: Mapping[str, Any], where: str) -> None:
    for key, allowed in _CHOICES.items():
        check_choice(f"{where}.{key}", values[key], allowed)
    low, high = values["ground_truth_from"], values["ground_truth_below"]
    if low is not None:
        check_number(f"{where}.ground_truth_from", low, least=0)
    if high is not None:
        check_number(f"{where}.ground_truth_below", high, above=0)
    if low is not None and high is not None and low >= high:
        raise UserError(f"{where}.ground_truth_from={low}: expected less than ground_truth_below={high}")
