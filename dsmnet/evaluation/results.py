"""What an evaluation found, from the table down to each image, and how results.json states it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dsmnet.evaluation.json_numbers import json_number, json_numbers
from dsmnet.evaluation.protocol import METRICS, EvaluationProtocol, Rule


@dataclass(frozen=True)
class ImageResult:
    """Scores of one image; EPE in pixels, the others in percent."""

    name: str
    scores: Mapping[str, float]  # one per entry of METRICS; infinite where a prediction is not finite
    pixels: int  # scored
    seconds: float  # of the matcher alone
    max_disparity: int  # pixels of disparity the matcher was told to search
    non_finite: int = 0  # scored pixels where the prediction was nan or infinite

    def rounded(self, metric: str) -> float:
        """Return a score as results.json states it."""
        return round(self.scores[metric], 6)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of results.json."""
        entry: dict[str, Any] = {"name": self.name, **{key: json_number(self.scores[key]) for key in METRICS}}
        entry["pixels"] = self.pixels
        entry["seconds"] = round(self.seconds, 4)
        entry["max_disparity"] = self.max_disparity
        return entry | ({"non_finite": self.non_finite} if self.non_finite else {})


@dataclass(frozen=True)
class SetResult:
    """Scores of a data set: how its images did, and their means."""

    name: str
    per_image: Sequence[ImageResult] = ()  # images with a pixel to score
    rule: Rule = field(default_factory=Rule)
    pixels_used: str = "all"  # "noc", "occ", "all", or "mixed" where some images do not tell what both see
    skipped: Sequence[str] = ()  # names of the images without one pixel to score
    sizes: Sequence[tuple[int, int]] = ()  # smallest and largest of the ground truth, (height, width)
    regions: Mapping[str, Any] = field(default_factory=dict)
    objects: Mapping[str, Any] = field(default_factory=dict)
    stated: Mapping[str, float] | None = None  # scores as a file has them; else worked out from images

    @property
    def images(self) -> int:
        """Number of scored images."""
        return len(self.per_image)

    @property
    def pixels(self) -> int:
        """Number of scored pixels."""
        return sum(image.pixels for image in self.per_image)

    @property
    def non_finite(self) -> int:
        """Number of scored pixels whose prediction is nan or infinite."""
        return sum(image.non_finite for image in self.per_image)

    @property
    def seconds_per_image(self) -> float:
        """Mean time of the matcher; nan without an image."""
        return self._mean(lambda image: image.seconds, weight=lambda image: 1)

    def average(self, metric: str) -> float:
        """Return the mean over images, each counting the same; nan without an image."""
        return self._mean(lambda image: image.scores[metric], weight=lambda image: 1)

    def pooled(self, metric: str) -> float:
        """Return the mean over the pixels of all images together; nan without an image."""
        return self._mean(lambda image: image.scores[metric], weight=lambda image: image.pixels)

    def score(self, metric: str) -> float:
        """Return the mean that the rule asks for."""
        if self.stated is not None:
            return self.stated[metric]
        return self.average(metric) if self.rule.average_of(metric) == "image" else self.pooled(metric)

    def rounded(self, metric: str) -> float:
        """Return a score as results.json states it."""
        return round(self.score(metric), 6)

    def lacks(self) -> str | None:
        """Return in words what the rule needs and the set does not have."""
        if self.rule.pixels == "all" and self.pixels_used in ("noc", "mixed"):
            some = "of some images " if self.pixels_used == "mixed" else ""
            return f"the ground truth {some}covers only pixels that both views see"
        if self.rule.pixels == "noc" and self.pixels_used in ("all", "mixed"):
            some = "for some images " if self.pixels_used == "mixed" else ""
            return f"the set does not tell {some}which pixels both views see; all known ones were scored"
        if self.rule.pixels == "occ" and not self.per_image:
            return "the set has no ground truth of pixels that the right view does not see; none was scored"
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of results.json; numbers that are not finite become null."""
        entry: dict[str, Any] = {
            "images": self.images,
            "pixels": self.pixels,
            "pixels_used": self.pixels_used,
            **{metric: json_number(self.score(metric)) for metric in METRICS},
            "seconds_per_image": json_number(round(self.seconds_per_image, 4)),
            "pooled": {metric: json_number(self.pooled(metric)) for metric in METRICS},
            "rule": self.rule.to_dict(),
            "lacks": self.lacks(),
        }
        if self.sizes:
            smallest, largest = map(list, self.sizes)
            entry["ground_truth_size"] = {"smallest": smallest, "largest": largest}
        if self.regions:
            entry["regions"] = self.regions
        if self.objects:
            entry["objects"] = self.objects
        entry |= {"skipped": list(self.skipped), "non_finite": self.non_finite}
        return entry | {"per_image": [image.to_dict() for image in self.per_image]}

    @classmethod
    def from_dict(cls, name: str, entry: Mapping[str, Any]) -> SetResult:
        """Read an entry of results.json, apart from regions, objects and sizes, or raise KeyError."""
        images = [
            ImageResult(
                **{key: image[key] for key in ("name", "pixels", "seconds", "max_disparity")},
                scores=_stated_scores(image),
                non_finite=image.get("non_finite", 0),
            )
            for image in entry["per_image"]
        ]
        rule, used = Rule.from_dict(entry["rule"]), entry["pixels_used"]
        return cls(name, images, rule, used, entry["skipped"], stated=_stated_scores(entry))

    def _mean(self, value: Callable[[ImageResult], float], weight: Callable[[ImageResult], int]) -> float:
        total = sum(weight(image) for image in self.per_image)
        return sum(value(image) * weight(image) for image in self.per_image) / total if total else math.nan


def _stated_scores(entry: Mapping[str, Any]) -> dict[str, float]:
    """Return scores; null stands for infinity."""
    return {key: math.inf if entry[key] is None else entry[key] for key in METRICS}


@dataclass(frozen=True)
class MatcherResult:
    """One matcher on all sets, by their names, and what is known of it."""

    sets: Mapping[str, SetResult]
    model: str
    norm: str | None = None
    parameters: int = 0
    tiles: Mapping[str, Any] | None = None  # options of `dsmnet.inference.tiled`
    checkpoint: str | None = None

    def identity(self) -> dict[str, Any]:
        """Return the keys of results.json that say what the matcher is."""
        keys = ("checkpoint", "model", "norm", "parameters", *(["tiles"] if self.tiles else []))
        return {key: getattr(self, key) for key in keys}


@dataclass(frozen=True)
class Results:
    """An evaluation."""

    label: str  # of the first matcher, beside the others
    first: MatcherResult
    protocol: EvaluationProtocol
    max_disparity: int | str  # search range, as it was asked for
    min_disparity: int = 0  # its beginning, pixels
    compared: Mapping[str, MatcherResult] = field(default_factory=dict)
    baselines: Mapping[str, Mapping[str, SetResult]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)  # folders by name of the set
    trained_on: Mapping[str, int] = field(default_factory=dict)  # pairs left out, by name of the set
    confidence: Mapping[str, Any] | None = None  # as results.json has it, not rounded
    error_breakdown: Mapping[str, Any] | None = None  # as results.json has it

    @property
    def sets(self) -> Mapping[str, SetResult]:
        """Sets of the first matcher, by name."""
        return self.first.sets

    @property
    def networks(self) -> dict[str, MatcherResult]:
        """Networks by label, the first one first."""
        return {self.label: self.first, **self.compared}

    @property
    def methods(self) -> dict[str, Mapping[str, SetResult]]:
        """Sets by label: those of the networks, then those of the baselines, each under a name of its own."""
        found = {label: network.sets for label, network in self.networks.items()}
        for name, sets in self.baselines.items():
            found[f"{name} (baseline)" if name in found else name] = sets
        return found

    def worst_epe(self, name: str) -> dict[str, float]:
        """Return the largest EPE of any network per image of a set, pixels, the worst image first.

        Baselines do not count: they are there to be compared with, not to be looked into.
        """
        worst: dict[str, float] = {}
        for network in self.networks.values():
            for image in network.sets[name].per_image:
                worst[image.name] = max(image.rounded("epe"), worst.get(image.name, 0.0))
        return dict(sorted(worst.items(), key=lambda item: -item[1]))

    def to_dict(self) -> dict[str, Any]:
        """Return the content of results.json."""
        content: dict[str, Any] = {
            **self.first.identity(),
            "protocol": self.protocol.to_dict(),
            "max_disparity": self.max_disparity,
            **({"min_disparity": self.min_disparity} if self.min_disparity else {}),
            "sets": _set_entries(self.sets),
        }
        if self.compared:
            content["label"] = self.label
            content["compared"] = {
                name: {**other.identity(), "sets": _set_entries(other.sets)}
                for name, other in self.compared.items()
            }
        if self.baselines:
            content["baselines"] = {
                name: {"sets": _set_entries(sets)} for name, sets in self.baselines.items()
            }
        content["missing"] = dict(self.missing)
        if self.trained_on:
            content["trained_on"] = dict(self.trained_on)
        if self.confidence is not None:
            content["confidence"] = json_numbers(self.confidence)
        if self.error_breakdown is not None:
            content["error_breakdown"] = self.error_breakdown
        return content


def _set_entries(sets: Mapping[str, SetResult]) -> dict[str, Any]:
    return {name: result.to_dict() for name, result in sets.items()}
