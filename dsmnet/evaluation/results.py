"""What an evaluation found: the entries of results.json."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dsmnet.evaluation.cells import Cells, objects, regions
from dsmnet.evaluation.jsonable import finite
from dsmnet.evaluation.protocol import METRICS, EvaluationProtocol, Rule

__all__ = ["METRICS", "EvaluationProtocol", "ImageResult", "SetResult"]


@dataclass(frozen=True)
class ImageResult:
    """Scores of one image; EPE in pixels, the others in percent."""

    name: str
    scores: dict[str, float]  # one per entry of METRICS
    pixels: int  # scored
    seconds: float  # of the matcher alone
    max_disparity: int  # pixels of disparity the matcher was told to search
    non_finite: int = 0  # scored pixels where the prediction was nan or infinite

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of results.json."""
        entry: dict[str, Any] = {"name": self.name, **{key: finite(self.scores[key]) for key in METRICS}}
        entry |= {
            "pixels": self.pixels,
            "seconds": round(self.seconds, 4),
            "max_disparity": self.max_disparity,
        }
        return entry | ({"non_finite": self.non_finite} if self.non_finite else {})


@dataclass
class SetResult:
    """Scores of the images of one data set."""

    name: str
    per_image: list[ImageResult] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)  # images without one pixel to score
    short: list[str] = field(default_factory=list)  # images that were perhaps not searched far enough
    pixels_used: str = (
        "all"  # "noc", "occ", "all", or "mixed" where only some images tell their visible pixels
    )
    rule: Rule = field(default_factory=Rule)
    cells: list[Cells] = field(default_factory=list)  # of all images with ground truth, also of those skipped
    sizes: set[tuple[int, int]] = field(default_factory=set)  # of the ground truth, height and width

    @property
    def pixels(self) -> int:
        """Number of scored pixels."""
        return sum(image.pixels for image in self.per_image)

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
        return self.average(metric) if self.rule.average_of(metric) == "image" else self.pooled(metric)

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
            "images": len(self.per_image),
            "pixels": self.pixels,
            "pixels_used": self.pixels_used,
            **{metric: finite(self.score(metric)) for metric in METRICS},
            "seconds_per_image": finite(round(self.seconds_per_image, 4)),
            "pooled": {metric: finite(self.pooled(metric)) for metric in METRICS},
            "rule": self.rule.to_dict(),
            "lacks": self.lacks(),
        }
        if self.sizes:
            by_area = sorted(self.sizes, key=math.prod)
            entry["ground_truth_size"] = {"smallest": list(by_area[0]), "largest": list(by_area[-1])}
        if self.cells:
            entry["regions"] = regions(self.cells)
            found = objects(self.cells)
            entry |= {"objects": found} if found else {}
        entry["skipped"] = self.skipped
        entry["non_finite"] = sum(image.non_finite for image in self.per_image)
        return entry | {"per_image": [image.to_dict() for image in self.per_image]}

    def _mean(self, value: Callable[[ImageResult], float], weight: Callable[[ImageResult], int]) -> float:
        total = sum(weight(image) for image in self.per_image)
        return sum(value(image) * weight(image) for image in self.per_image) / total if total else math.nan
