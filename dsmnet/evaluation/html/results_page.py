"""Fill the page's template: everything inside one file, nothing fetched, every name escaped."""

from __future__ import annotations

import shlex
import sys
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from dsmnet.atomic import write_text
from dsmnet.evaluation.html.page_tables import Column, ImageRow, image_columns, image_rows, summary
from dsmnet.evaluation.html.pictures import Picture, Pictures, worst_images
from dsmnet.evaluation.report import HEADINGS, results_notes
from dsmnet.evaluation.results import Results
from dsmnet.metrics.pixel_error import D1_PIXELS, D1_SHARE
from dsmnet.viz.color import ERROR_BOUNDARIES, color_table, error_table
from dsmnet.viz.single_file import fill_page, hex_color

FILE = "results.html"


class ImageSet(NamedTuple):
    """What the page shows of one set."""

    name: str
    columns: list[Column]
    rows: list[ImageRow]
    left_out: str  # which images have no pictures; empty where all have them


class Method(NamedTuple):
    """A line of the page's header."""

    label: str
    checkpoint: str
    model: str
    norm: str
    parameters: str


def write_page(results: Results, pictures: Pictures, folder: Path) -> Path:
    """Write results.html, which shows what results.json holds, and pictures of the worst images.

    Args:
        results: Results of the evaluation.
        pictures: Pictures drawn while the images were scored, under the labels of `Results.methods`.
        folder: Folder of the page.

    Returns:
        The path of the page.
    """
    path = folder / FILE
    write_text(path, render_results(results, pictures))
    return path


def render_results(results: Results, pictures: Pictures) -> str:
    """Return the page."""
    worst = worst_images(results, pictures.limit)
    columns, lines = summary(results)
    labels = list(results.methods)
    return fill_page(
        "dsmnet.evaluation.html",
        "page",
        title=labels[0] if len(labels) == 1 else f"{labels[0]} beside {', '.join(labels[1:])}",
        methods=_methods(results),
        notes=results_notes(results),
        date=datetime.now().astimezone(),
        command=shlex.join(["python", *sys.argv]),
        columns=columns,
        lines=lines,
        sets=[_image_set(results, name, worst[name], pictures) for name in results.sets],
        chosen={name: set(images) for name, images in worst.items()},
        pictures=pictures,
        caption=_caption,
        labels=labels,
        several_networks=len(results.networks) > 1,
        metrics=HEADINGS if len(labels) > 1 else {},
        error_classes=_error_classes(),
        error_scale=D1_PIXELS / D1_SHARE,
        disparity_stops=[hex_color(color) for color in color_table(size=13)],
    )


def _image_set(results: Results, name: str, worst: list[str], pictures: Pictures) -> ImageSet:
    rows = image_rows(results, name)
    left_out = ""
    if len(worst) < len(rows):
        left_out = (
            f"Pictures: the {len(worst)} of {len(rows)} images with the largest EPE; the others are left out "
            f"(html_images={pictures.limit} bounds the images with pictures on a page)."
        )
    return ImageSet(name, image_columns(results), rows, left_out)


def _methods(results: Results) -> list[Method]:
    """Return what is known of each method; a baseline has its name alone."""
    lines = []
    for label in results.methods:
        told = results.networks[label].identity() if label in results.networks else {}
        checkpoint, model, norm = (told.get(key) or "–" for key in ("checkpoint", "model", "norm"))
        parameters = f"{told['parameters']:,}" if told.get("parameters") else "–"
        lines.append(Method(label, checkpoint, model, norm, parameters))
    return lines


def _caption(picture: Picture, several: bool) -> str:
    return f"{picture.kind}, {picture.method}" if picture.method and several else picture.kind


def _error_classes() -> list[tuple[str, str]]:
    """Return KITTI's ten colors with the errors they stand for, pixels."""
    bounds = [f"{bound * D1_PIXELS:.2g}" for bound in ERROR_BOUNDARIES]
    texts = [f"≤ {bounds[0]}", *(f"{low}–{high}" for low, high in pairwise(bounds)), f"> {bounds[-1]}"]
    return [(hex_color(color), text) for color, text in zip(error_table(), texts, strict=True)]
