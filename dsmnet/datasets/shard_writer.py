"""Writing a data set as shards: in parallel, shard by shard, to go on where an earlier run ended."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Subset

from dsmnet.atomic import atomic_write, claim_folder, write_text
from dsmnet.datasets.health_check import choose_pairs
from dsmnet.datasets.process_pool import goes_on, in_processes
from dsmnet.datasets.shard_format import (
    APART,
    FORM,
    HELD_BACK,
    INDEX,
    NAMES,
    ROW,
    TABLE,
    TRAINING,
    encode_pair,
    shard_name,
)
from dsmnet.errors import DataError, UserError
from dsmnet.options import check_whole
from dsmnet.progress import track
from dsmnet.types import StereoPairs, StereoSample

_GENERATED = "synthetic"  # whose pairs are in no set that is evaluated on
_VALIDATION = 64  # of a part of its own for validation at least so many pairs are written, if it has them
_END = bytes(1024)  # of a tar archive


class _Work(NamedTuple):
    """What the processes share: pair number i of the shards is ``sets[parts[i] == APART][items[i]]``."""

    sets: tuple[Any, Any]
    items: NDArray[np.int64]
    parts: NDArray[np.int64]
    shard_pairs: int
    folder: Path


def write_shards(
    dataset: StereoPairs,
    folder: Path,
    *,
    pairs: int | None = None,
    shard_pairs: int = 128,
    workers: int = 1,
    source: Mapping[str, Any] | None = None,
    progress: bool = False,
) -> None:
    """Write a data set as ``shard-000000.tar`` and so on, and at last their index.

    A shard that is there already stays, so that an interrupted run goes on.

    Args:
        dataset: Data set, generator or mixture.
        folder: Folder of the shards.
        pairs: Number of pairs; None for all, or of an endless set as many as its length says.
        shard_pairs: Pairs in a shard.
        workers: Processes that read.
        source: Options that made the shards; a folder with others is refused.
        progress: Whether to show a bar.

    Raises:
        UserError: The folder holds shards of other options.
        DataError: A pair cannot be read.
    """
    check_whole("shard_pairs", shard_pairs)
    work = _plan(dataset, folder, pairs if pairs is None else check_whole("pairs", pairs), shard_pairs)
    total = -(-len(work.items) // shard_pairs)
    claim_folder(folder / "pack.json", {**(source or {}), "rows": len(work.items)}, "shards")
    if (folder / INDEX).is_file():
        return
    missing = [number for number in range(total) if not _rows_file(folder, number).is_file()]
    with in_processes(_write_shard, work, missing, workers, dataset.name) as jobs:
        for job in track(jobs, f"{dataset.name} -> shards", unit="shard", enabled=progress):
            job()
    _write_index(dataset.name, folder, total)


def _plan(dataset: Any, folder: Path, pairs: int | None, shard_pairs: int) -> _Work:
    """Decide which pairs are written, in which order, and which of them are for validation."""
    splits = hasattr(dataset, "split_validation")
    train, validation = dataset.split_validation() if splits else (dataset, dataset)
    inside = isinstance(validation, Subset) or validation is dataset
    most = pairs if pairs is None else max(pairs, _VALIDATION)
    apart = [] if inside else choose_pairs(len(validation), most)
    source = dataset if inside else train
    items = range(pairs or len(source)) if dataset.endless else choose_pairs(len(source), pairs)
    held_back = getattr(validation, "indices", ()) if inside else ()
    own = np.where(np.isin(items, held_back), HELD_BACK, TRAINING)
    return _Work(
        (source, validation),
        np.concatenate([np.asarray(items), np.asarray(apart)]).astype(np.int64),
        np.concatenate([own, np.full(len(apart), APART)]).astype(np.int64),
        shard_pairs,
        folder,
    )


def _write_shard(work: _Work, number: int) -> None:
    """Write a shard, then the rows of its pairs and their names, which say that it is whole."""
    first = number * work.shard_pairs
    rows, names, offset = [], [], 0
    with atomic_write(work.folder / shard_name(number)) as aside, aside.open("wb") as file:
        for place, item in enumerate(work.items[first : first + work.shard_pairs]):
            if not goes_on():
                raise UserError("stopped")
            part = int(work.parts[first + place])
            dataset = work.sets[part == APART]
            sample = _load(dataset, int(item))
            data = encode_pair(sample, place, _views(dataset, int(item)))
            file.write(data)
            known = int("disparity" in sample)
            rows.append((number, offset, len(data), zlib.crc32(data), part, known))
            names.append((sample["dataset"], sample["name"]))
            offset += len(data)
        file.write(_END)
    record = {"rows": rows, "names": [] if names[0][0] == _GENERATED else names}
    write_text(_rows_file(work.folder, number), json.dumps(record) + "\n")


def _write_index(name: str, folder: Path, total: int) -> None:
    """Write the index from the rows of all shards, then take these away."""
    rows: list[NDArray[Any]] = []
    names: list[tuple[str, str]] = []
    for number in range(total):
        record = json.loads(_rows_file(folder, number).read_text("utf-8"))
        rows.append(np.array([tuple(row) for row in record["rows"]], ROW))
        names += record["names"]
        shard = folder / shard_name(number)
        size, there = sum(row[2] for row in record["rows"]) + len(_END), shard.stat().st_size
        if size != there:
            raise DataError(f"{shard}: {there} bytes where {size} were written; expected it to be left alone")
    write_text(folder / NAMES, json.dumps(names) + "\n")
    with atomic_write(folder / TABLE) as aside, aside.open("wb") as file:
        np.lib.format.write_array(file, np.concatenate(rows), allow_pickle=False)
    index = {"form": FORM, "dataset": name, "pairs": sum(map(len, rows)), "shards": total}
    write_text(folder / INDEX, json.dumps(index, indent=1) + "\n")
    for number in range(total):
        _rows_file(folder, number).unlink()


def _rows_file(folder: Path, number: int) -> Path:
    return folder / shard_name(number).replace(".tar", ".rows")


def _load(dataset: Any, item: int) -> StereoSample:
    """Load a pair, of a mixture also beyond its first pass."""
    return dataset.at(item) if hasattr(dataset, "at") else dataset[item]


def _views(dataset: Any, item: int) -> tuple[Path, Path] | None:
    pairs = getattr(dataset, "pairs", None)
    return (pairs[item].left, pairs[item].right) if pairs is not None else None
