"""Weighted interleaving of data sets."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from torch.utils.data import Dataset

from dsmnet.errors import DataError, MissingDataError, UserError
from dsmnet.options import check_choice
from dsmnet.types import StereoSample

log = logging.getLogger(__name__)

_LONGEST = 1_000_000  # samples of a pass, lest a small weight make an endless one

Part = Dataset[StereoSample]


class Mixture(Dataset[StereoSample]):
    """Data sets with weights: a part's share of the samples is its weight, whatever its length.

    Sample `index` draws its part by the weights, from a generator seeded with `seed` and `index`: the same
    whatever the number of processes and however often training is interrupted. Its item is the one that a
    fixed permutation of the part has at `index`, so that none comes twice within the length of the part.
    The samples go on without end; the length only says when a pass ends, by when the part that is largest for
    its weight has been drawn as often as it has items.

    Args:
        parts: Data sets by name, or functions that build them (Hydra's ``_partial_: true``): then all that
            are missing are named at once, or skipped.
        weights: Relative share of each part; 0 leaves it out.
        missing: ``error``, or ``skip``: do without the parts whose folder is not there.
        seed: Seed of the draws.
        name: Name of the mixture, in messages and results.

    Raises:
        DataError: Parts are broken or not there; all are named.
    """

    endless = True

    def __init__(
        self,
        parts: Mapping[str, Part | Callable[[], Part]],
        weights: Mapping[str, float],
        missing: str = "error",
        seed: int = 0,
        name: str = "mixture",
    ) -> None:
        self.name, self.seed = name, seed
        wanted = _weighted(parts, weights)
        self.parts = _build(name, wanted, check_choice("missing", missing, ("error", "skip")))
        self.weights = {part: float(weights[part]) for part in self.parts}
        self._sets = list(self.parts.values())
        self._lengths = [len(cast(Any, part)) for part in self._sets]
        for part, length in zip(self.parts, self._lengths, strict=True):
            if length < 1:
                raise DataError(f"the part {part} is empty")
        drawn = enumerate(self._lengths)
        self._orders = [np.random.default_rng([seed, place]).permutation(length) for place, length in drawn]
        total = sum(self.weights.values())
        self._shares = [weight / total for weight in self.weights.values()]
        longest = max(length / share for length, share in zip(self._lengths, self._shares, strict=True))
        self._passing = min(_LONGEST, math.ceil(longest - 1e-9))
        log.info("%s: %s", name, self.describe())

    def __len__(self) -> int:
        return self._passing

    def __getitem__(self, index: int) -> StereoSample:
        """Load a sample of the first pass."""
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self.at(index)

    def at(self, index: int) -> StereoSample:
        """Load sample `index` of the endless order."""
        part, item = self.locate(index)
        dataset = self._sets[part]
        return dataset.at(item) if isinstance(dataset, Mixture) else dataset[item]

    def locate(self, index: int) -> tuple[int, int]:
        """Return part and item of a sample; of a nested mixture, a place in its own endless order."""
        rng = np.random.default_rng([self.seed, index])
        part = int(rng.choice(len(self._sets), p=self._shares))
        return part, int(self._orders[part][index % self._lengths[part]])

    def split_validation(self) -> tuple[Mixture, Mixture]:
        """Return a mixture of the parts' training parts and one of their validation parts, weighted alike."""
        halves = {name: cast(Any, part).split_validation() for name, part in self.parts.items()}
        train = {name: half[0] for name, half in halves.items()}
        validation = {name: half[1] for name, half in halves.items()}
        label = f"{self.name}, validation"
        return (
            Mixture(train, self.weights, seed=self.seed, name=self.name),
            Mixture(validation, self.weights, seed=self.seed, name=label),
        )

    def describe(self) -> str:
        """Return in one line the parts, their sizes and their shares."""
        return ", ".join(
            f"{name} ({length} pairs) {share:.1%}"
            for name, length, share in zip(self.parts, self._lengths, self._shares, strict=True)
        )


def _weighted(parts: Mapping[str, Any], weights: Mapping[str, float]) -> dict[str, Any]:
    """Return the parts that have a weight above 0."""
    for name in weights.keys() - parts.keys():
        raise UserError(f"weights.{name}: no such part; there are {', '.join(parts)}")
    for name in parts.keys() - weights.keys():
        raise UserError(f"weights.{name}: the part has no weight; expected a number, 0 to leave it out")
    for name, weight in weights.items():
        if not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
            raise UserError(f"weights.{name}={weight}: expected a number of at least 0")
    wanted = {name: part for name, part in parts.items() if weights[name] > 0}
    if not wanted:
        raise UserError("weights: expected at least one above 0")
    return wanted


def _build(name: str, parts: Mapping[str, Any], missing: str) -> dict[str, Part]:
    built: dict[str, Part] = {}
    absent: dict[str, DataError] = {}
    broken: dict[str, DataError] = {}
    for part, dataset in parts.items():
        try:
            built[part] = dataset if isinstance(dataset, Dataset) else dataset()
        except MissingDataError as error:
            absent[part] = error
        except DataError as error:
            broken[part] = error
    if absent and missing == "skip" and built and not broken:
        log.warning("%s: without %s, which are not there", name, ", ".join(absent))
    elif absent or broken:
        kind = DataError if broken else MissingDataError
        lines = [f"  {part}: {error}" for part, error in (absent | broken).items()]
        raise kind(
            f"{name}: {len(lines)} of {len(parts)} parts cannot be used (a weight of 0 leaves one out, "
            "missing=skip those that are not there):\n" + "\n".join(lines)
        )
    return built
