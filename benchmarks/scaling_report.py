"""Measurements of `benchmarks.scaling` as files: points, constants, and a picture of two panels."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.scaling import Point, fit, measure
from dsmnet.atomic import atomic_write, write_text
from dsmnet.inference.tiled import in_tiles
from dsmnet.progress import track
from dsmnet.types import Matcher

log = logging.getLogger(__name__)


def check_scaling(matcher: Matcher, options: Mapping[str, Any]) -> str:
    """Return the matcher's name, or refuse tiles that are impossible before anything is measured.

    Raises:
        UserError: A tile is impossible, see `in_tiles`.
    """
    in_tiles(matcher, **_tiles(options))
    return str(matcher.config.get("model", "network"))


def measure_scaling(
    build: Callable[[], Matcher], name: str, options: Mapping[str, Any], output: Path, progress: bool = True
) -> str:
    """Measure every pair in a process of its own; write scaling.json and scaling.png.

    Args:
        build: Function that builds the network; importable from anywhere.
        name: Name of the network, see `check_scaling`.
        options: ``whole`` and ``tiled`` (lists of height, width, search range), ``tile``, ``overlap``,
            ``memory`` and ``threads``.
        output: Folder for the files.
        progress: Whether to show a bar.

    Returns:
        Costs of a pair, as lines of Markdown.
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
    series = {"whole": whole, "tiled": tiled}
    save_scaling(output / "scaling.png", series, tiles["memory"] * 1e9, title, notes)
    return "\n".join(["`scaling`", "", *(f"- {note}" for note in notes), *_lines(points), ""])


def _tiles(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: options[key] for key in ("tile", "overlap", "memory")}


def save_scaling(
    path: Path, series: Mapping[str, Sequence[Point]], limit: float, title: str, notes: tuple[str, str]
) -> None:
    """Write the picture: time on the left, peak memory of the process on the right, both axes logarithmic.

    Args:
        path: PNG file.
        series: Measurements by the way of matching.
        limit: Bytes that a prediction may take, drawn as a line.
        title: Title of the picture.
        notes: Fitted constants of time and memory, written into the panels.
    """
    figure = Figure(figsize=(10, 4.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    time_panel, memory_panel = figure.subplots(1, 2)
    for (name, points), color, marker in zip(series.items(), ("tab:blue", "tab:orange"), "os", strict=False):
        style = {"color": color, "marker": marker, "linestyle": "none", "label": name, "alpha": 0.85}
        cells = [point.cells / 1e6 for point in points]
        time_panel.plot(cells, [point.seconds for point in points], **style)
        memory_panel.plot(cells, [point.memory / 1e9 for point in points], **style)
    memory_panel.axhline(limit / 1e9, color="0.4", linestyle=":", linewidth=1)
    place = {"xycoords": ("axes fraction", "data"), "va": "bottom", "fontsize": 8}
    memory_panel.annotate(f"memory={limit / 1e9:g}", (0.02, limit / 1e9), **place)
    labels = ("processor seconds per pair", "peak memory of the process, GB")
    for panel, label, note in zip((time_panel, memory_panel), labels, notes, strict=True):
        panel.set(xscale="log", yscale="log", xlabel="pixels x disparities, millions", ylabel=label)
        panel.grid(visible=True, which="major", alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
        panel.annotate(note, (0.98, 0.03), xycoords="axes fraction", ha="right", va="bottom", fontsize=8)
    time_panel.legend(loc="upper left", frameon=False)
    figure.suptitle(title, fontsize=10)
    with atomic_write(path) as part:
        figure.savefig(part)


def _lines(points: list[Point]) -> list[str]:
    return [
        f"- {p.way}, {p.height}x{p.width}, {p.max_disparity} px: {p.seconds:.1f} s of processor time, peak "
        f"{p.memory / 1e9:.2f} GB"
        for p in points
    ]
