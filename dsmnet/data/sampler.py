"""An endless, seeded order of a data set that continues exactly where it was left."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from torch.utils.data import Dataset, Sampler

from dsmnet.augment import Transform
from dsmnet.data.mixture import Mixture
from dsmnet.errors import DataError
from dsmnet.types import StereoSample

Position = tuple[int, int]  # (place in the endless order, item of the data set)


class EndlessSampler(Sampler[Position]):
    """One permutation after another, in stretches of `samples` places between which training validates.

    Each iteration begins at the place that training has reached and ends with that place's stretch. So the
    order follows from what was trained on alone, whatever the trainer counts as an epoch.

    Args:
        length: Length of the data set.
        samples: In one stretch, over all processes; `world` is their number.
        seed: Seed of the permutations.
        reached: Samples that were trained on so far, by all processes together.
        step: Samples that all processes take at once; a stretch ends with a whole step.
    """

    def __init__(
        self,
        length: int,
        samples: int,
        *,
        seed: int = 0,
        reached: Callable[[], int] = lambda: 0,
        rank: int = 0,
        world: int = 1,
        step: int = 1,
    ) -> None:
        if length < 1:
            raise DataError("the data set is empty")
        self.length, self.samples, self.seed = length, samples, seed
        self.reached, self.rank, self.world, self.step = reached, rank, world, step

    def __len__(self) -> int:
        return self.samples // self.world

    def __iter__(self) -> Iterator[Position]:
        start = self.reached()
        permutation, current = np.empty(0, dtype=np.int64), -1
        # A run that was stopped with other steps may have left a part of one: every process gets as many.
        steps = math.ceil((self.samples - start % self.samples) / self.step)
        for place in range(start + self.rank, start + steps * self.step, self.world):
            if place // self.length != current:
                current = place // self.length
                permutation = np.random.default_rng([self.seed, current]).permutation(self.length)
            yield place, int(permutation[place % self.length])


class Augmented(Dataset[StereoSample]):
    """A data set seen through a transform; its index is a place in the order, which seeds the transform."""

    def __init__(self, dataset: Dataset[StereoSample], transform: Transform, seed: int) -> None:
        self.dataset, self.transform, self.seed = dataset, transform, seed

    def __getitem__(self, position: Position) -> StereoSample:
        place, item = position
        if isinstance(self.dataset, Mixture):  # its second pass is not its first once more
            length = len(self.dataset)
            sample = self.dataset.at(place // length * length + item)
        else:
            sample = self.dataset[item]
        return self.transform(sample, np.random.default_rng([self.seed, place]))


class Share(Dataset[StereoSample]):
    """What one of several processes validates: a run of the first `pairs` of a data set, in each as long.

    Where they cannot be divided evenly, the last pair fills up, without a pixel that counts.
    """

    def __init__(self, dataset: Dataset[StereoSample], pairs: int, rank: int, world: int) -> None:
        self.dataset, self.pairs = dataset, pairs
        self.length = math.ceil(pairs / world)
        self.start = rank * self.length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> StereoSample:
        if not 0 <= index < self.length:
            raise IndexError(f"pair {index} of {self.length}")
        place = self.start + index
        sample = self.dataset[min(place, self.pairs - 1)]
        if place >= self.pairs and "valid" in sample:
            sample["valid"] = np.zeros_like(sample["valid"])
        return sample
