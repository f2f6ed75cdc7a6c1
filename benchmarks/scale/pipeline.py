"""Training as events: readers take turns at batches, GPUs take these in order and wait for each other."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy


@dataclass(frozen=True)
class Pipeline:
    """GPUs that train together, each with readers of its own, as PyTorch's DataLoader has them.

    Args:
        pair_seconds: Time of one reader for a pair: made or decoded, cropped and collated; the mean.
        step_seconds: Time of a step with its batch there, the exchange of gradients included.
        batch: Pairs of a GPU in a step.
        readers: Readers per GPU; 0: the process that trains reads between its steps.
        gpus: GPUs in all.
        per_node: GPUs that share a link.
        megabytes: Megabytes of a pair that come over the link.
        link: MB/s of a node.
        store: MB/s of the store that all nodes read from.
        prefetch: Batches that a reader is ahead at most.
        spread: Standard deviation of the logarithm of the time for a batch.
    """

    pair_seconds: float
    step_seconds: float
    batch: int
    readers: int = 1
    gpus: int = 1
    per_node: int = 8
    megabytes: float = 0.0
    link: float = math.inf
    store: float = math.inf
    prefetch: int = 4
    spread: float = 0.0


@dataclass(frozen=True)
class Flow:
    """What came of a simulation, its first tenth left out."""

    pairs_per_second: float  # of all GPUs
    waiting: float  # share of the time in which the GPUs wait for a batch


def simulate(line: Pipeline, steps: int = 400, seed: int = 0) -> Flow:
    """Run so many steps."""
    world = simpy.Environment()
    rng = np.random.default_rng(seed)
    store = simpy.Resource(world)
    links = [simpy.Resource(world) for _ in range(-(-line.gpus // line.per_node))]
    ready: dict[tuple[int, int], Any] = defaultdict(world.event)
    ahead = {
        (gpu, reader): simpy.Container(world, init=line.prefetch)
        for gpu in range(line.gpus)
        for reader in range(line.readers)
    }

    def read(gpu: int) -> Generator[simpy.Event, Any, None]:
        for pipe, rate in ((store, line.store), (links[gpu // line.per_node], line.link)):
            if line.megabytes and math.isfinite(rate):
                with pipe.request() as turn:
                    yield turn
                    yield world.timeout(line.batch * line.megabytes / rate)
        factor = math.exp(rng.normal(-(line.spread**2) / 2, line.spread))
        yield world.timeout(line.batch * line.pair_seconds * factor)

    def reader(gpu: int, own: int) -> Generator[simpy.Event, Any, None]:
        for number in itertools.count(own, line.readers):
            yield ahead[gpu, own].get(1)
            yield from read(gpu)
            ready[gpu, number].succeed()

    began: list[float] = []
    waited: list[float] = []

    def train() -> Generator[simpy.Event, Any, None]:
        for number in range(steps):
            began.append(world.now)
            if line.readers:
                yield world.all_of([ready[gpu, number] for gpu in range(line.gpus)])
                for gpu in range(line.gpus):
                    del ready[gpu, number]
                    yield ahead[gpu, number % line.readers].put(1)
            else:
                yield world.all_of([world.process(read(gpu)) for gpu in range(line.gpus)])
            waited.append(world.now - began[-1])
            yield world.timeout(line.step_seconds)
        began.append(world.now)

    for gpu, own in ahead:
        world.process(reader(gpu, own))
    world.run(until=world.process(train()))
    first = steps // 10
    time = began[-1] - began[first]
    return Flow((steps - first) * line.batch * line.gpus / time, sum(waited[first:]) / time)
