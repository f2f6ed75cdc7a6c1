"""Tables on the terminal: no row is broken and no number cut off, however narrow it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dsmnet.errors import printable


def safe(text: str, style: str = "") -> Text:
    """Return text for the terminal as it is, without markup and control characters, whoever wrote it."""
    return Text(printable(text), style)


def print_table(
    console: Console,
    title: str,
    headings: Sequence[Sequence[str]],
    rows: Sequence[Sequence[str]],
    *,
    best: Sequence[Sequence[bool]] = (),
    keys: int = 1,
    sections: Collection[int] = (),
) -> None:
    """Print a table; columns for which there is no room stand below, in a table with the same first ones.

    Args:
        console: Where.
        title: Above the table.
        headings: Lines of that of each column.
        rows: Cells.
        best: which cells are highlighted, of the shape of `rows`; none without it.
        keys: Columns that say what a row is; they stand on the left of every part, to the left.
        sections: Rows below which there is a gap.
    """
    widths = [
        max(cell_len(printable(text)) for text in (*heading, *cells))
        for heading, *cells in zip(headings, *rows, strict=True)
    ]
    console.print(safe(title), soft_wrap=True)
    gap = 3 if sum(widths) + 3 * (len(widths) - 1) <= console.width else 1
    for columns in _parts(widths, keys, gap, console.width):
        table = Table(
            box=box.SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            padding=(0, gap // 2),
        )
        for column in columns:
            justify = "left" if column < keys else "right"
            heading = Text("\n").join(map(safe, headings[column]))
            table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        for index, row in enumerate(rows):
            cells = [safe(row[c], "bold green" if best and best[index][c] else "") for c in columns]
            table.add_row(*cells, end_section=index in sections)
        _print_whole(table, console)
        console.print()


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


def markdown_row(cells: Sequence[str]) -> str:
    """Return one line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def markdown_text(lines: Sequence[str]) -> str:
    """Return lines as the text of a Markdown file, without the control characters that names may have."""
    return "\n".join(map(printable, lines))
