"""Tables for people: on the terminal, however narrow it is, and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from dsmnet.errors import printable


@dataclass(frozen=True)
class TextTable:
    """A table.

    The first `keys` columns say what a row is: they are aligned to the left, and repeated in every part of a
    table that is too wide for the terminal.
    """

    title: str
    headings: Sequence[Sequence[str]]  # lines of the heading of each column
    rows: Sequence[Sequence[str]]
    best: Sequence[Sequence[bool]] = ()  # cells that are highlighted, of the shape of `rows`
    keys: int = 1
    sections: Collection[int] = ()  # rows below which there is a gap on the terminal

    def show(self, console: Console) -> None:
        """Print the table; columns for which there is no room stand below, with the same first ones."""
        widths = [
            max(cell_len(printable(text)) for text in (*heading, *cells))
            for heading, *cells in zip(self.headings, *self.rows, strict=True)
        ]
        if self.title:
            console.print(safe(self.title), soft_wrap=True)
        gap = 3 if sum(widths) + 3 * (len(widths) - 1) <= console.width else 1
        for columns in _parts(widths, self.keys, gap, console.width):
            table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap // 2))
            for column in columns:
                justify = "left" if column < self.keys else "right"
                heading = Text("\n").join(map(safe, self.headings[column]))
                table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
            for index, row in enumerate(self.rows):
                cells = [
                    safe(row[c], "bold green" if self.best and self.best[index][c] else "") for c in columns
                ]
                table.add_row(*cells, end_section=index in self.sections)
            _print_whole(table, console)
            console.print()

    def markdown(self) -> list[str]:
        """Return the lines of the table in Markdown; what is best is bold."""
        count = len(self.headings)
        lines = [_markdown_row([" ".join(heading) for heading in self.headings])]
        lines.append(_markdown_row([":--" if index < self.keys else "--:" for index in range(count)]))
        for cells, best in zip(self.rows, self.best or [[False] * count] * len(self.rows), strict=True):
            bold = [f"**{cell}**" if mark else cell for cell, mark in zip(cells, best, strict=True)]
            lines.append(_markdown_row(bold))
        return lines


def show_markdown(text: str, console: Console) -> None:
    """Print Markdown; of a table for which the terminal is too narrow no cell is cut or folded."""
    lines = text.splitlines()
    for is_table, group in groupby(lines, key=lambda line: line.startswith("|")):
        block = list(group)
        if not is_table:
            console.print(Markdown("\n".join(block)))
            continue
        headings, _, *rows = ([cell.strip() for cell in _cells(line)] for line in block)
        console.print()
        TextTable("", [(heading,) for heading in headings], rows).show(console)


def _cells(line: str) -> list[str]:
    return [cell.replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def safe(text: str, style: str = "") -> Text:
    """Return text for the terminal as it is, without markup and control characters, whoever wrote it."""
    return Text(printable(text), style)


def markdown_text(lines: Sequence[str]) -> str:
    """Return lines as the text of a Markdown file, without the control characters that names may have."""
    return "\n".join(map(printable, lines))


def _parts(widths: Sequence[int], keys: int, gap: int, room: int) -> Iterator[list[int]]:
    """Yield the columns of each part, as many as there is room for, but one at least besides the keys."""
    first = list(range(keys))
    columns = list(first)
    for column in range(keys, len(widths)):
        wider = [*columns, column]
        if len(columns) > keys and sum(widths[c] + gap for c in wider) - gap > room:
            yield columns
            wider = [*first, column]
        columns = wider
    yield columns


def _print_whole(table: Table, console: Console) -> None:
    """Print a table at its own width: rich would cut off what is wider than the console."""
    wide = console.options.update(max_width=1000)
    width, console.width = console.width, max(console.width, console.measure(table, options=wide).maximum)
    console.print(table)
    console.width = width


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
