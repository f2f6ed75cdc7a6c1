"""An evaluation's results as a table for people and for spreadsheets."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from dsmnet.atomic import atomic_write, write_text
from dsmnet.errors import count, defused
from dsmnet.evaluation.protocol import METRICS, describe_rules
from dsmnet.evaluation.results import MatcherResult, Results, SetResult
from dsmnet.evaluation.text_table import TextTable, markdown_text, safe

HEADINGS = {"epe": "EPE px", "bad1": "bad-1 %", "bad2": "bad-2 %", "bad3": "bad-3 %", "d1": "D1 %"}
COLUMNS = ("set", "method", "pixels", *HEADINGS.values(), "images", "seconds")


def results_table(results: Results, methods: bool = True) -> TextTable:
    """Return a line per set and method, the best of each set marked; without `methods` it is not named."""
    rows: list[list[str]] = []
    best: list[list[bool]] = []
    sections: list[int] = []
    for name in results.sets:
        entries = [sets[name] for sets in results.methods.values()]
        sections.append(len(rows) - 1)
        for method, entry in zip(results.methods, entries, strict=True):
            scores, time = ["-"] * len(METRICS), "-"
            if entry.images:
                scores = [score_text(entry.rounded(metric), metric) for metric in METRICS]
                time = f"{round(entry.seconds_per_image, 4):.2f}"
            marks = [_is_best(entry, entries, metric) for metric in METRICS]
            key = [name if entry is entries[0] else "", *([method] if methods else []), entry.pixels_used]
            rows.append([*key, *scores, str(entry.images), time])
            best.append([False] * len(key) + marks + [False] * 2)
    headings = [(column,) for column in COLUMNS if methods or column != "method"]
    title, keys = results_title(results), 3 if methods else 2
    return TextTable(title, headings, rows, best, keys, sections if methods else ())


def results_notes(results: Results) -> list[str]:
    """Return the sentences that belong under the table: protocol, what was left out, what was not there."""
    protocol, sets = results.protocol, results.sets
    named = [part for part in (protocol.name, protocol.description) if part]
    lines = [f"Protocol {': '.join(named)}"] if named else []
    lines += describe_rules({name: entry.rule for name, entry in sets.items()})
    begin = f"{results.min_disparity} to " if results.min_disparity else ""
    lines.append(
        f"Errors in pixels of the ground truth{_sizes(sets)}; search range: {begin}{results.max_disparity}; "
        "seconds per image without reading files."
    )
    if tiles := results.first.tiles:
        lines.append(
            f"Matched in tiles where tile={tiles['tile']} asks for it: overlap={tiles['overlap']} px, "
            f"memory={tiles['memory']} GB."
        )
    for name, entry in sets.items():
        if lacking := entry.lacks():
            lines.append(f"{name}: {lacking}.")
        if entry.skipped:
            lines.append(f"{name}: not one pixel to score in {', '.join(entry.skipped)}; left out.")
        for index, (label, other) in enumerate(results.methods.items()):
            if wild := other[name].non_finite:
                place = f"{name}, {label}" if index else name
                lines.append(f"{place}: {wild} pixels are predicted as nan or infinite and count as wrong.")
    for name, number in results.trained_on.items():
        pairs = count(number, "pair", "was", "were")
        lines.append(f"{name}: {pairs} trained on and left out, so that this set is not zero-shot.")
    for name, folder in results.missing.items():
        lines.append(f"{name}: not evaluated, there is no folder {folder}")
    return lines


def show_results(results: Results, console: Console | None = None) -> None:
    """Print the table with the best value of each set highlighted, and the notes below."""
    console = console or Console()
    several = len(results.methods) > 1  # else the title names the only one
    results_table(results, methods=several).show(console)
    for line in _lines_below(results):
        console.print(safe(line), soft_wrap=True)


def results_markdown(results: Results) -> str:
    """Return the table and its notes as Markdown; the best value of each set is bold."""
    below = [f"- {line}" for line in _lines_below(results)]
    table = results_table(results)
    return markdown_text([f"# {table.title}", "", *table.markdown(), "", *below, ""])


def _lines_below(results: Results) -> list[str]:
    """Return a line per network of a comparison (one alone is the title), and the notes."""
    networks = results.networks if results.compared else {}
    identities = [f"{label}: {_identity(network)}" for label, network in networks.items()]
    return [*identities, *results_notes(results)]


def write_results(results: Results, folder: Path) -> None:
    """Write results.json, results.md and, with a row per image, results.csv."""
    text = json.dumps(results.to_dict(), indent=2, allow_nan=False)
    write_text(folder / "results.json", text + "\n")
    write_text(folder / "results.md", results_markdown(results))
    with atomic_write(folder / "results.csv") as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("set", "method", "image", *METRICS, "pixels", "seconds"))
        for name in results.sets:
            for method, sets in results.methods.items():
                for image in sets[name].per_image:
                    scores = [image.rounded(metric) for metric in METRICS]
                    row = [name, method, image.name, *scores, image.pixels, round(image.seconds, 4)]
                    writer.writerow([defused(cell) for cell in row])


def results_title(results: Results) -> str:
    """Return what was evaluated, on one line."""
    if results.compared:
        return "Comparison of " + ", ".join(results.networks)
    return _identity(results.first)


def _identity(network: MatcherResult) -> str:
    parts = [network.model]
    if network.norm:
        parts.append(f"norm {network.norm}")
    if network.parameters:
        parts.append(f"{network.parameters / 1e6:.2f} M parameters")
    if network.checkpoint:
        parts.append(network.checkpoint)
    return ", ".join(parts)


def _sizes(sets: Mapping[str, SetResult]) -> str:
    """Name the size of each set's images, which says whether they are whole, half or quarter ones."""
    parts = []
    for name, entry in sets.items():
        if entry.sizes:
            sizes = dict.fromkeys(f"{height}x{width}" for height, width in entry.sizes)
            parts.append(f"{name} {' to '.join(sizes)}")
    return f" ({', '.join(parts)})" if parts else ""


def score_text(score: float, metric: str) -> str:
    """Return pixels with two decimals, percent with one."""
    return f"{score:.2f}" if metric == "epe" else f"{score:.1f}"


def _is_best(entry: SetResult, entries: Sequence[SetResult], metric: str) -> bool:
    """Say whether a score is the smallest of several, which one that is not finite never is."""
    score = entry.rounded(metric)
    scores = [other.rounded(metric) for other in entries]
    return len(entries) > 1 and math.isfinite(score) and score == min(filter(math.isfinite, scores))
