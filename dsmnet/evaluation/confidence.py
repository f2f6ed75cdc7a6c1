"""What a confidence is worth, as a table and a figure beside the other results."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from dsmnet.atomic import write_text
from dsmnet.evaluation.protocol import METRIC_NAMES
from dsmnet.evaluation.report import title
from dsmnet.evaluation.sparsification import METRICS
from dsmnet.evaluation.terminal import markdown_row, markdown_text, print_table
from dsmnet.viz.figures import save
from dsmnet.viz.sparsification import sparsification_figure

log = logging.getLogger(__name__)

UNITS = {"epe": "px", "bad1": "%", "bad3": "%"}
_OF_METRIC = ("area {}", "AUSE", "gain %")
COLUMNS = (
    *("set", "ordered by"),
    *(f"{METRIC_NAMES[m]} {column.format(UNITS[m])}" for m in METRICS for column in _OF_METRIC),
)
NOTE = (
    "Area: mean error over the shares of pixels kept, 5 to 100 %, the least confident left out first. "
    "AUSE: that area less the oracle's, which leaves out the largest errors first. "
    "Gain: how far from a random order to the oracle."
)


def present(results: Mapping[str, Any], output: Path, console: Console | None = None) -> None:
    """Print the table of ``results["confidence"]``; write it as sparsification.md, and sparsification.png."""
    heading = f"Confidence: {title(results)}"
    console, lines = console or Console(), list(rows(results["confidence"]))
    print_table(console, heading, [(column,) for column in COLUMNS], lines, keys=2)
    console.print(NOTE, soft_wrap=True)
    table = [markdown_row(COLUMNS), markdown_row([":--", ":--", *["--:"] * (len(COLUMNS) - 2)])]
    table += map(markdown_row, lines)
    write_text(output / "sparsification.md", markdown_text([f"# {heading}", "", *table, "", NOTE, ""]))
    save(sparsification_figure(results["confidence"], heading), output / "sparsification.png")
    log.info("wrote %s and sparsification.md", output / "sparsification.png")


def rows(confidence: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield a line per set and order of its pixels."""
    for name, entry in confidence["sets"].items():
        for index, order in enumerate(entry[METRICS[0]]):
            cells: list[str] = []
            for metric in METRICS:
                found = entry[metric][order]
                cells += [_text(found["area"]), _text(found.get("ause")), _text(found.get("gain"), 100, 1)]
            yield (name if index == 0 else "", order, *cells)


def _text(value: float | None, factor: float = 1, decimals: int = 3) -> str:
    return "-" if value is None else f"{factor * value:.{decimals}f}"
