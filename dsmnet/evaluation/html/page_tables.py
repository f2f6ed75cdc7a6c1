"""The tables of the page, as text and as values to sort by."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dsmnet.evaluation.report import COLUMNS, HEADINGS, results_table, score_text
from dsmnet.evaluation.results import ImageResult, Results


class Column(NamedTuple):
    """A heading; `metric` names the choice that shows the column, empty for one that always stands."""

    heading: str
    detail: str = ""  # a second line: the method
    metric: str = ""
    numeric: bool = True
    sorted: bool = False  # the lines come in its order, the largest first


class Cell(NamedTuple):
    """What stands in a table, and what it is sorted by: "" comes last whatever the direction."""

    text: str
    value: float | str = ""
    metric: str = ""
    mark: str = ""  # best | better | worse


def summary(results: Results) -> tuple[list[Column], list[list[Cell]]]:
    """Return the table of results.md, the set's name in every line so that it can be sorted."""
    columns = [Column(heading, numeric=index > 2) for index, heading in enumerate(COLUMNS)]
    lines, name, table = [], "", results_table(results)
    for row, marks in zip(table.rows, table.best, strict=True):
        name = row[0] or name
        cells = [Cell(name, name)]
        for column, text, best in zip(columns[1:], row[1:], marks[1:], strict=True):
            value = ("" if text == "-" else float(text)) if column.numeric else text
            cells.append(Cell(text, value, mark="best" if best else ""))
        lines.append(cells)
    return columns, lines


def image_columns(results: Results) -> list[Column]:
    """Return the headings of a table of images.

    Per metric one column for each method, then how much each other method is worse than the first.
    """
    first, *others = results.methods
    names = [first, *others] if others else [""]
    ordered = "epe" if len(results.networks) == 1 else ""  # of several networks no column has the order
    columns = [Column("image", numeric=False)]
    for metric, heading in HEADINGS.items():
        columns += [
            Column(heading, name, metric, sorted=metric == ordered and name == names[0]) for name in names
        ]
        columns += [Column(f"Δ {heading}", f"{other} − {first}", metric) for other in others]
    return [*columns, Column("pixels"), *(Column("seconds", name) for name in names)]


def image_rows(results: Results, set_name: str) -> list[list[Cell]]:
    """Return a line per image of a set under the headings of `image_columns`, the worst image first."""
    by_method = [sets[set_name].per_image for sets in results.methods.values()]
    worst = results.worst_epe(set_name)
    lines = sorted(zip(*by_method, strict=True), key=lambda images: -worst[images[0].name])
    return [list(_image_cells(images)) for images in lines]


def _image_cells(images: Sequence[ImageResult]) -> Iterator[Cell]:
    yield Cell(images[0].name, images[0].name)
    for metric in HEADINGS:
        scores = [image.rounded(metric) for image in images]
        for score in scores:
            yield Cell(score_text(score, metric), score, metric)
        for score in scores[1:]:
            yield _difference(score - scores[0], metric)
    yield Cell(f"{images[0].pixels:,}", images[0].pixels)
    for image in images:
        yield Cell(f"{round(image.seconds, 4):.2f}", round(image.seconds, 4))


def _difference(value: float, metric: str) -> Cell:
    if math.isnan(value):  # neither is finite
        return Cell("–", "", metric)
    text = score_text(abs(value), metric)
    if float(text) == 0:
        return Cell(text, value, metric)
    return Cell(("+" if value > 0 else "−") + text, value, metric, "worse" if value > 0 else "better")
