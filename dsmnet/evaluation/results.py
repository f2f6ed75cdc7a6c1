"""What an evaluation is to measure, and what it found: the entries of results.json."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dsmnet.errors import UserError

METRICS = ("epe", "bad1", "bad2", "bad3", "d1")


@dataclass(frozen=True)
class EvaluationProtocol:
    """Which pixels are scored.

    Args:
        pixels: ``"noc"``: those visible in both views where the set tells them, else all with known truth;
            ``"all"``: all with known truth.
        max_disparity: pixels whose true disparity is this or more are left out, as publications on SceneFlow
            do with 192; ``None`` scores them all. A choice of pixels, not the range that is searched.
    """

    pixels: str = "noc"
    max_disparity: int | None = None

    def __post_init__(self) -> None:
        if self.pixels not in ("noc", "all"):
            raise UserError(f"protocol.pixels={self.pixels}: expected noc or all")
        if self.max_disparity is not None and not self.max_disparity > 0:
            raise UserError(
                f"protocol.max_disparity={self.max_disparity}: expected a positive number or null"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of results.json."""
        return {"pixels": self.pixels, "max_disparity": self.max_disparity, "average": "image"}


@dataclass(frozen=True)
class ImageResult:
    """Scores of one image; EPE in pixels, the others in percent."""

    name: str
    scores: dict[str, float]  # one per entry of METRICS
    pixels: int  # scored
    seconds: float  # of the matcher alone
    search_range: int  # pixels of disparity the matcher was told to search
    non_finite: int = 0  # scored pixels where the prediction was nan or infinite

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of results.json."""
        entry: dict[str, Any] = {"name": self.name, **{key: _json(self.scores[key]) for key in METRICS}}
        entry |= {"pixels": self.pixels, "seconds": round(self.seconds, 4), "search_range": self.search_range}
        return entry | ({"non_finite": self.non_finite} if self.non_finite else {})


@dataclass
class SetResult:
    """Scores of the images of one data set."""

    name: str
    per_image: list[ImageResult] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)  # images without one valid pixel
    pixels_used: str = "all"  # "noc", "all", or "mixed" where only some images tell their visible pixels

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

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of results.json; numbers that are not finite become null."""
        return {
            "images": len(self.per_image),
            "pixels": self.pixels,
            "pixels_used": self.pixels_used,
            **{metric: _json(self.average(metric)) for metric in METRICS},
            "seconds_per_image": _json(round(self.seconds_per_image, 4)),
            "pooled": {metric: _json(self.pooled(metric)) for metric in METRICS},
            "skipped": self.skipped,
            "non_finite": sum(image.non_finite for image in self.per_image),
            "per_image": [image.to_dict() for image in self.per_image],
        }

    def _mean(self, value: Callable[[ImageResult], float], weight: Callable[[ImageResult], int]) -> float:
        total = sum(weight(image) for image in self.per_image)
        return sum(value(image) * weight(image) for image in self.per_image) / total if total else math.nan


def _json(value: float) -> float | None:
    """JSON has no nan and no infinity; null beside a count of 0 images or of `non_finite` pixels says why."""
    return round(value, 6) if math.isfinite(value) else None
