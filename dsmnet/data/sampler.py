"""An endless, seeded order of a data set that continues exactly where it was left."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Dataset, Sampler

from dsmnet.data.mixture import Mixture
from dsmnet.data.transforms import Transform
from dsmnet.errors import DataError
from dsmnet.protocols import StereoSample

Position = tuple[int, int]  # (place in the endless order, item of the data set)


class EndlessSampler(Sampler[Position]):
    """Places ``epoch * samples`` to ``(epoch + 1) * samples`` of one permutation after another.

    Args:
        length: of the data set.
        samples: in one epoch, over all processes.
        seed: of the permutations.
        start: samples of the first epoch that were already used.
        rank: of this process.
        world: number of processes.
    """

    def __init__(
        self, length: int, samples: int, *, seed: int = 0, start: int = 0, rank: int = 0, world: int = 1
    ) -> None:
        if length < 1:
            raise DataError("the data set is empty")
        self.length, self.samples, self.seed = length, samples, seed
        self.start, self.rank, self.world = start, rank, world
        self.epoch: int | None = None
        self.first_epoch: int | None = None

    def set_epoch(self, epoch: int) -> None:
        """Choose the stretch of the order; the trainer calls it before each epoch."""
        self.first_epoch = epoch if self.first_epoch is None else self.first_epoch
        self.epoch = epoch

    def __len__(self) -> int:
        return self.samples // self.world

    def __iter__(self) -> Iterator[Position]:
        epoch = self.epoch or 0
        used = self.start if epoch == (self.first_epoch or 0) else 0
        permutation, current = np.empty(0, dtype=np.int64), -1
        for place in range(epoch * self.samples + used + self.rank, (epoch + 1) * self.samples, self.world):
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
