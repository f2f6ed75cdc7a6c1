"""Time per pair of the disk, of reading, of reading and cropping, of torchvision; speed of a loader."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.loading.torchvision_readers import same_files
from dsmnet.augment import Transform
from dsmnet.data.datamodule import StereoDataModule
from dsmnet.datasets.base import StereoDataset
from dsmnet.datasets.tree import Pair
from dsmnet.options import check_whole

Read = Callable[[int], Any]  # reads pair number i


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of repeated measurements."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of at least one value."""
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
        return cls(round(float(median), 4), round(float(low), 4), round(float(high), 4))


@dataclass(frozen=True)
class LoaderSpeed:
    """Speed of training's loader when nothing is done with its batches."""

    pairs_per_second: Spread  # wall clock, without the start of the workers
    cpu_ms: Spread  # of all processes together, milliseconds per pair, with the start of the workers


@dataclass
class SetTimes:
    """Measurements on one data set.

    `cpu_ms` and `wall_ms` are milliseconds per pair, by the way of reading: ``disk`` (the bytes of all its
    files), ``read`` (a sample), ``crop`` (a sample through a transform), ``same_files`` and ``torchvision``
    (the same files by either; absent where torchvision has no reader). `ratio` is the processor time of
    torchvision over that of ``same_files``. `loader` has an entry for each number of workers, and
    `shards_loader` too: the same pairs in shards, whose ways are ``shards`` and ``shards_crop``.
    """

    name: str
    pairs: int
    size: tuple[int, int]  # height and width of the first pair
    files: float  # per pair
    megabytes: float  # per pair
    cpu_ms: dict[str, Spread]
    wall_ms: dict[str, Spread]
    ratio: Spread | None = None
    loader: dict[int, LoaderSpeed] = field(default_factory=dict)
    shards_loader: dict[int, LoaderSpeed] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of loading.json."""
        return asdict(self)


def measure_set(
    dataset: StereoDataset, transform: Transform, *, pairs: int, repeats: int, shards: Any = None
) -> SetTimes:
    """Time all ways of reading in turn, repeatedly, in this process with one thread, the page cache warm.

    Args:
        dataset: Data set, all of whose pairs have ground truth.
        transform: Transform of the way ``crop``.
        pairs: Pairs read in each pass of each way; a smaller set is gone through again.
        repeats: Timed passes, after one that is not.
        shards: The same pairs in shards, for ways of their own.
    """
    check_whole("pairs", pairs)
    check_whole("repeats", repeats)
    files = [_files(pair) for pair in dataset.pairs]
    rng = np.random.default_rng(0)
    ways: dict[str, Read] = {
        "disk": lambda i: [path.read_bytes() for path in files[i]],
        "read": lambda i: dataset[i],
        "crop": lambda i: transform(dataset[i], rng),
    }
    if shards is not None:
        ways |= {"shards": lambda i: shards[i], "shards_crop": lambda i: transform(shards[i], rng)}
    with TemporaryDirectory() as folder, one_thread():
        both = same_files(dataset, Path(folder))
        if both is not None:
            ways |= {"same_files": both.ours.__getitem__, "torchvision": both.read}
        cpu, wall = _time(ways, [i % len(dataset) for i in range(pairs)], repeats)
    ratios = [a / b for a, b in zip(cpu.get("torchvision", []), cpu.get("same_files", []), strict=True)]
    return SetTimes(
        name=dataset.name,
        pairs=len(dataset),
        size=dataset[0]["left"].shape[:2],
        files=round(statistics.mean(len(paths) for paths in files), 2),
        megabytes=round(statistics.mean(sum(p.stat().st_size for p in paths) for paths in files) / 1e6, 3),
        cpu_ms={way: Spread.of(values) for way, values in cpu.items()},
        wall_ms={way: Spread.of(values) for way, values in wall.items()},
        ratio=Spread.of(ratios) if ratios else None,
    )


def measure_loader(
    dataset: Any, transform: Transform, *, workers: int, batch_size: int, batches: int, repeats: int
) -> LoaderSpeed:
    """Time training's loader.

    Args:
        dataset: Data set, all of whose pairs are used.
        transform: Transform to one size.
        workers: Processes that load, 0 for none but this one.
        batch_size: Pairs in a batch.
        batches: Batches timed in each repeat, after a first one.
        repeats: Loaders, one after the other.
    """
    check_whole("loader.batches", batches)
    check_whole("loader.repeats", repeats)
    check_whole("workers", workers, least=0)
    speeds, cpu = [], []
    with one_thread():
        for _ in range(repeats):
            module = StereoDataModule(
                Whole(dataset), transform, batch_size=batch_size, epoch_steps=batches + 1, workers=workers
            )
            used = _processor_seconds()
            batch = iter(module.train_dataloader())
            next(batch)
            start = time.perf_counter()
            for _ in batch:
                pass
            speeds.append(batches * batch_size / (time.perf_counter() - start))
            del batch  # ends the workers, whose time counts from then on
            cpu.append((_processor_seconds() - used) / ((batches + 1) * batch_size) * 1e3)
    return LoaderSpeed(Spread.of(speeds), Spread.of(cpu))


def _processor_seconds() -> float:
    """Return what this process and those of its children that have ended have used."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep OpenCV and PyTorch to one thread: what is measured is one core."""
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])


def _time(
    ways: Mapping[str, Read], indices: Sequence[int], repeats: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return milliseconds per pair of processor and of wall clock, a list over the repeats for each way.

    The ways take turns, so that what else the machine does meets them alike.
    """
    cpu: dict[str, list[float]] = {way: [] for way in ways}
    wall: dict[str, list[float]] = {way: [] for way in ways}
    for repeat in range(repeats + 1):
        for way, read in ways.items():
            start = time.process_time(), time.perf_counter()
            for index in indices:
                read(index)
            end = time.process_time(), time.perf_counter()
            if repeat:  # the first pass brings the files into the page cache
                cpu[way].append((end[0] - start[0]) / len(indices) * 1e3)
                wall[way].append((end[1] - start[1]) / len(indices) * 1e3)
    return cpu, wall


def _files(pair: Pair) -> list[Path]:
    """Return the files of a pair, each once."""
    return list(dict.fromkeys(path for path in pair[1:] if isinstance(path, Path)))


class Whole:
    """A data set all of whose pairs are trained on."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def split_validation(self) -> tuple[Any, Any]:
        """Return the whole set, twice."""
        return self.dataset, self.dataset
