"""An evaluation's results as a table for people: on the terminal and as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from dsmnet.atomic import write_text
from dsmnet.evaluation.methods import methods, networks
from dsmnet.evaluation.protocol import METRICS, applied_rule, describe_rules
from dsmnet.evaluation.spreadsheet import write_csv
from dsmnet.evaluation.terminal import markdown_row, markdown_text, print_table, safe

HEADINGS = {"epe": "EPE px", "bad1": "bad-1 %", "bad2": "bad-2 %", "bad3": "bad-3 %", "d1": "D1 %"}
_DECIMALS = {"epe": 2, "bad1": 1, "bad2": 1, "bad3": 1, "d1": 1}
COLUMNS = ("set", "method", "pixels", *HEADINGS.values(), "images", "seconds")


class Row(NamedTuple):
    """One line of the table: its cells, and whether each holds the best value of its set."""

    cells: tuple[str, ...]
    best: tuple[bool, ...]
    first_of_set: bool


def rows(results: Mapping[str, Any]) -> Iterator[Row]:
    """Yield a line per set and method from the content of results.json, in the order of `methods`."""
    scored = methods(results)
    for name in results["sets"]:
        entries = [sets[name] for sets in scored.values()]
        for method, entry in zip(scored, entries, strict=True):
            first = entry is entries[0]
            scores = tuple(_number(entry, metric) for metric in METRICS)
            best = tuple(len(entries) > 1 and _is_best(entry, entries, metric) for metric in METRICS)
            seconds = entry["seconds_per_image"]
            cells = (name if first else "", method, entry["pixels_used"], *scores, str(entry["images"]))
            yield Row(
                (*cells, "-" if seconds is None else f"{seconds:.2f}"),
                (False, False, False, *best, False, False),
                first,
            )


def notes(results: Mapping[str, Any]) -> list[str]:
    """Return the sentences that belong under the table: protocol, what was left out, what was not there."""
    protocol, sets = results["protocol"], results["sets"]
    named = [protocol.get(key) for key in ("name", "description")]
    lines = [f"Protocol {': '.join(filter(None, named))}"] if any(named) else []
    lines += describe_rules({name: applied_rule(entry, protocol) for name, entry in sets.items()})
    lines.append(
        f"Errors in pixels of the ground truth{_sizes(sets)}; search range: {results['max_disparity']}; "
        "seconds per image without reading files."
    )
    if tiles := results.get("tiles"):
        lines.append(
            f"Matched in tiles where tile={tiles['tile']} asks for it: overlap={tiles['overlap']} px, "
            f"memory={tiles['memory']} GB."
        )
    for name, entry in sets.items():
        if entry.get("lacks"):
            lines.append(f"{name}: {entry['lacks']}.")
        if entry["skipped"]:
            lines.append(f"{name}: not one pixel to score in {', '.join(entry['skipped'])}; left out.")
        if entry["non_finite"]:
            lines.append(f"{name}: {entry['non_finite']} answers are nan or infinite and count as wrong.")
        for label, other in list(methods(results).items())[1:]:
            if other[name]["non_finite"]:
                count = other[name]["non_finite"]
                lines.append(f"{name}, {label}: {count} answers are nan or infinite and count as wrong.")
    for name, count in results.get("trained_on", {}).items():
        pairs = "1 pair was" if count == 1 else f"{count} pairs were"
        lines.append(f"{name}: {pairs} trained on and left out, so that this set is not zero-shot.")
    for name, folder in results.get("missing", {}).items():
        lines.append(f"{name}: not evaluated, there is no folder {folder}")
    return lines


def _sizes(sets: Mapping[str, Any]) -> str:
    """Name the size of each set's images, which says whether they are whole, half or quarter ones."""
    parts = []
    for name, entry in sets.items():
        if "ground_truth_size" in entry:
            sizes = ["x".join(map(str, entry["ground_truth_size"][end])) for end in ("smallest", "largest")]
            parts.append(f"{name} {' to '.join(dict.fromkeys(sizes))}")
    return f" ({', '.join(parts)})" if parts else ""


def show(results: Mapping[str, Any], console: Console | None = None) -> None:
    """Print the table with the best value of each set highlighted, and the notes below."""
    console, lines = console or Console(), list(rows(results))
    several = len(methods(results)) > 1  # else the title names the only one
    shown = [index for index, heading in enumerate(COLUMNS) if several or heading != "method"]
    last_of_set = [index - 1 for index, row in enumerate(lines) if row.first_of_set]
    print_table(
        console,
        title(results),
        [(COLUMNS[index],) for index in shown],
        [[row.cells[index] for index in shown] for row in lines],
        best=[[row.best[index] for index in shown] for row in lines],
        keys=len(shown) - len(HEADINGS) - 2,
        sections=last_of_set if several else (),
    )
    for line in [*identities(results), *notes(results)]:
        console.print(safe(line), soft_wrap=True)


def markdown(results: Mapping[str, Any]) -> str:
    """Return the table and its notes as Markdown; the best value of each set is bold."""
    lines = [f"# {title(results)}", "", markdown_row(COLUMNS)]
    lines.append(markdown_row([":--" if index < 3 else "--:" for index in range(len(COLUMNS))]))
    for row in rows(results):
        lines.append(
            markdown_row([f"**{c}**" if best else c for c, best in zip(row.cells, row.best, strict=True)])
        )
    below = [f"- {line}" for line in [*identities(results), *notes(results)]]
    return markdown_text([*lines, "", *below, ""])


def write(results: Mapping[str, Any], folder: Path) -> None:
    """Write results.json, results.md and, with a row per image, results.csv."""
    text = json.dumps(results, indent=2, allow_nan=False)
    write_text(folder / "results.json", text + "\n")
    write_text(folder / "results.md", markdown(results))
    write_csv(results, folder / "results.csv")


def identities(results: Mapping[str, Any]) -> list[str]:
    """Return a line per network of a comparison, saying what it is; one network stands in the title."""
    if "compared" not in results:
        return []
    return [f"{label}: {_identity(entry)}" for label, entry in networks(results).items()]


def title(results: Mapping[str, Any]) -> str:
    """Return what was evaluated, on one line."""
    if "compared" in results:
        return "Comparison of " + ", ".join(networks(results))
    return _identity(results)


def _identity(network: Mapping[str, Any]) -> str:
    parts = [network["model"]]
    if network["norm"]:
        parts.append(f"norm {network['norm']}")
    if network["parameters"]:
        parts.append(f"{network['parameters'] / 1e6:.2f} M parameters")
    if network["checkpoint"]:
        parts.append(network["checkpoint"])
    return ", ".join(parts)


def score_text(score: float, metric: str) -> str:
    """Return a score in the decimals that its metric is given."""
    return f"{score:.{_DECIMALS[metric]}f}"


def _number(entry: Mapping[str, Any], metric: str) -> str:
    value = entry[metric]
    if value is None:
        return "inf" if entry["images"] else "-"
    return score_text(value, metric)


def _is_best(entry: Mapping[str, Any], entries: list[Mapping[str, Any]], metric: str) -> bool:
    known = [other[metric] for other in entries if other[metric] is not None]
    return entry[metric] is not None and entry[metric] == min(known)
