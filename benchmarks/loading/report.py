"""Measurements of loading as two tables."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib import metadata

import cv2
import torch

from benchmarks.loading.measure import SetTimes, Spread
from benchmarks.loading.torchvision_readers import READERS_INSTALLED

_READING = (
    *("set", "size", "files", "MB", "disk MB/s"),
    *("dsmnet", "with crop", "same files", "torchvision", "ratio"),
)


def markdown(sets: Sequence[SetTimes], source: str, missing: Sequence[str], load: Sequence[float]) -> str:
    """Return loading.md.

    Args:
        sets: Measurements, at least one.
        source: Source of the pairs, for the first line.
        missing: Sets that are not there.
        load: Load average of the machine, before and after.
    """
    workers = sorted({count for times in sets for count in times.loader})
    loading = [("set", *(f"{count} workers" for count in workers), *(f"{n}: CPU ms" for n in workers))]
    for times in sets:
        speeds = [times.loader[count] for count in workers]
        wall = (_text(speed.pairs_per_second, 1) for speed in speeds)
        loading.append((times.name, *wall, *(_text(speed.cpu_ms, 1) for speed in speeds)))
        if times.shards_loader:
            speeds = [times.shards_loader[count] for count in workers]
            wall = (_text(speed.pairs_per_second, 1) for speed in speeds)
            loading.append(("in shards", *wall, *(_text(speed.cpu_ms, 1) for speed in speeds)))
    lines = [
        f"{source}. Load average of the machine {load[0]:.1f} before, {load[1]:.1f} after.",
        "",
        "Reading, pairs per second of processor time: median (quartiles) over passes in turn, one thread, "
        "page cache warm. Same files: dsmnet on those that torchvision reads; ratio: its speed over that of "
        "torchvision.",
        "",
        *_table([_READING, *(row for times in sets for row in (_reading(times), *_in_shards(times)))]),
        "",
        "Training's loader with the crop, pairs per second of wall clock; processor time of all processes, "
        "ms per pair.",
        "",
        *_table(loading),
    ]
    if missing:
        lines += ["", f"Not found: {', '.join(missing)}."]
    return "\n".join([*lines, ""])


def environment() -> dict[str, object]:
    """Return processor, releases and load of the machine."""
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
        "opencv": cv2.__version__,
        "torch": torch.__version__,
        "torchvision": metadata.version("torchvision") if READERS_INSTALLED else None,
    }


def _reading(times: SetTimes) -> tuple[str, ...]:
    speeds = (times.cpu_ms.get(way) for way in ("read", "crop", "same_files", "torchvision"))
    return (
        times.name,
        f"{times.size[0]}x{times.size[1]}",
        f"{times.files:g}",
        f"{times.megabytes:.2f}",
        f"{times.megabytes / times.cpu_ms['disk'].median * 1e3:.0f}",
        *(_per_second(speed) for speed in speeds),
        _text(times.ratio, 2),
    )


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    head, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return [head, "| :-- |" + " --: |" * (len(rows[0]) - 1), *body]


def _in_shards(times: SetTimes) -> list[tuple[str, ...]]:
    speeds = [_per_second(times.cpu_ms.get(way)) for way in ("shards", "shards_crop")]
    return [("in shards", *[""] * 4, *speeds, *[""] * 3)] if "shards" in times.cpu_ms else []


def _per_second(milliseconds: Spread | None) -> str:
    if milliseconds is None:
        return "–"
    slow, fast = milliseconds.high, milliseconds.low
    return _text(Spread(1e3 / milliseconds.median, 1e3 / slow, 1e3 / fast), 1)


def _text(spread: Spread | None, digits: int) -> str:
    if spread is None:
        return "–"
    return f"{spread.median:.{digits}f} ({spread.low:.{digits}f}–{spread.high:.{digits}f})"
