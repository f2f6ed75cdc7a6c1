"""The tables of the page, as text and as values to sort by."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dsmnet.evaluation import report
from dsmnet.evaluation.methods import methods, networks, worst_epe


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


class ImageRow(NamedTuple):
    """One image: its name and its cells, the name's included."""

    name: str
    cells: list[Cell]


def summary(results: Mapping[str, Any]) -> tuple[list[Column], list[list[Cell]]]:
    """Return the table of results.md, the set's name in every line so that it can be sorted."""
    columns = [Column(heading, numeric=index > 2) for index, heading in enumerate(report.COLUMNS)]
    lines, name = [], ""
    for row in report.rows(results):
        name = row.cells[0] or name
        cells = [Cell(name, name)]
        for column, text, best in zip(columns[1:], row.cells[1:], row.best[1:], strict=True):
            cells.append(Cell(text, _value(text) if column.numeric else text, mark="best" if best else ""))
        lines.append(cells)
    return columns, lines


def image_columns(results: Mapping[str, Any]) -> list[Column]:
    """Return the headings of a table of images.

    Per metric one column for each method, then how much each other method is worse than the first.
    """
    first, *others = methods(results)
    names = [first, *others] if others else [""]
    ordered = "epe" if len(networks(results)) == 1 else ""  # of several networks no column has the order
    columns = [Column("image", numeric=False)]
    for metric, heading in report.HEADINGS.items():
        columns += [
            Column(heading, name, metric, sorted=metric == ordered and name == names[0]) for name in names
        ]
        columns += [Column(f"Δ {heading}", f"{other} − {first}", metric) for other in others]
    return [*columns, Column("pixels"), *(Column("seconds", name) for name in names)]


def image_rows(results: Mapping[str, Any], set_name: str) -> list[ImageRow]:
    """Return a line per image of a set under the headings of `image_columns`, in the order of `worst_epe`."""
    by_method = [sets[set_name]["per_image"] for sets in methods(results).values()]
    worst = worst_epe(results, set_name)
    lines = sorted(zip(*by_method, strict=True), key=lambda images: -worst[images[0]["name"]])
    return [ImageRow(images[0]["name"], list(_image_cells(images))) for images in lines]


def _image_cells(images: Sequence[Mapping[str, Any]]) -> Iterator[Cell]:
    yield Cell(images[0]["name"], images[0]["name"])
    for metric in report.HEADINGS:
        scores = [_score(image, metric) for image in images]
        for score in scores:
            yield Cell(report.score_text(score, metric), score, metric)
        for score in scores[1:]:
            yield _difference(score - scores[0], metric)
    yield Cell(f"{images[0]['pixels']:,}", images[0]["pixels"])
    for image in images:
        yield Cell(f"{image['seconds']:.2f}", image["seconds"])


def _difference(value: float, metric: str) -> Cell:
    if math.isnan(value):  # neither answer is finite
        return Cell("–", "", metric)
    text = report.score_text(abs(value), metric)
    if value == 0 or float(text) == 0:
        return Cell(text, value, metric)
    return Cell(("+" if value > 0 else "−") + text, value, metric, "worse" if value > 0 else "better")


def _score(image: Mapping[str, Any], metric: str) -> float:
    return math.inf if image[metric] is None else float(image[metric])


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:  # a dash
        return ""
