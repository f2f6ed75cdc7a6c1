"""The measurements of `benchmarks.scaling`, their constants and their picture, as files."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.scaling import Point, fit, measure
from benchmarks.scaling_figure import Series, save_scaling
from dsmnet.atomic import write_text
from dsmnet.inference.tiled import in_tiles
from dsmnet.progress import track
from dsmnet.types import Matcher

log = logging.getLogger(__name__)


def check_scaling(matcher: Matcher, options: Mapping[str, Any]) -> str:
    """Return the matcher's name, or refuse tiles that are impossible before anything is measured.

    Raises:
        UserError: see `in_tiles`.
    """
    in_tiles(matcher, **_tiles(options))
    name: str = getattr(matcher, "config", {}).get("model", "network")
    return name


def measure_scaling(
    build: Callable[[], Matcher], name: str, options: Mapping[str, Any], output: Path, progress: bool = True
) -> str:
    """Measure every pair in a process of its own; write scaling.json and scaling.png.

    Args:
        build: Makes the network; importable from anywhere.
        name: of the network, see `check_scaling`.
        options: ``whole`` and ``tiled`` (lists of height, width, search range), ``tile``, ``overlap``,
            ``memory`` and ``threads``.
        output: Folder for the files.
        progress: Show a bar.

    Returns:
        What a pair costs, as lines of Markdown.
    """
    tiles = _tiles(options)
    jobs = [(list(job), ways) for key, ways in (("whole", None), ("tiled", tiles)) for job in options[key]]
    points = [
        measure(build, job[:2], job[2], ways, options["threads"])
        for job, ways in track(jobs, "scaling", enabled=progress)
    ]
    whole, tiled = ([p for p in points if p.way == way] for way in ("whole", "tiled"))
    times, memory, tiled_times = fit(whole, "seconds"), fit(whole, "growth"), fit(tiled, "seconds")
    notes = (
        f"whole: {times.per_pixel * 1e6:.2f} us/pixel + {times.per_cell * 1e9:.1f} ns/(pixel x disparity)",
        f"whole: {memory.per_pixel:.0f} bytes/pixel + {memory.per_cell:.2f} bytes/(pixel x disparity)",
    )
    threads = options["threads"] or torch.get_num_threads()
    record = {
        "model": name,
        "threads": threads,
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "tiles": tiles,
        "whole": {"seconds": vars(times), "bytes": vars(memory)},
        "tiled": {"seconds": vars(tiled_times)},
        "points": [point.to_dict() for point in points],
    }
    write_text(output / "scaling.json", json.dumps(record, indent=2) + "\n")
    title = f"{name}, {threads} threads: generated pairs as a whole, and in tiles of {tiles['tile']} px"
    series = [_series("whole", whole, "tab:blue", "o"), _series("tiled", tiled, "tab:orange", "s")]
    save_scaling(output / "scaling.png", series, tiles["memory"] * 1e9, title, notes)
    return "\n".join(["`scaling`", "", *(f"- {note}" for note in notes), *_lines(points), ""])


def _tiles(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: options[key] for key in ("tile", "overlap", "memory")}


def _series(name: str, points: list[Point], color: str, marker: str) -> Series:
    seconds, held = [p.seconds for p in points], [p.memory for p in points]
    return Series(name, [p.cells for p in points], seconds, held, color, marker)


def _lines(points: list[Point]) -> list[str]:
    return [
        f"- {p.way}, {p.height}x{p.width}, {p.max_disparity} px: {p.seconds:.1f} s of processor time, peak "
        f"{p.memory / 1e9:.2f} GB"
        for p in points
    ]
