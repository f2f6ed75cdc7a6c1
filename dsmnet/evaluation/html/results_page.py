"""Fill the page's template: everything inside one file, nothing fetched, every name escaped."""

from __future__ import annotations

import shlex
import sys
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from dsmnet.atomic import write_text
from dsmnet.evaluation.html.page_tables import image_columns, image_rows, summary
from dsmnet.evaluation.html.pictures import Picture, Pictures, worst_images
from dsmnet.evaluation.report import HEADINGS, results_notes
from dsmnet.evaluation.results import Results
from dsmnet.metrics.pixel_error import D1_PIXELS, D1_SHARE
from dsmnet.viz.color import ERROR_BOUNDARIES, color_table, error_table
from dsmnet.viz.single_file import fill_page, hex_color


def write_page(results: Results, pictures: Pictures, folder: Path) -> Path:
    """Write results.html, which shows what results.json holds, and pictures of the worst images.

    The pictures were drawn while the images were scored, under the labels of `Results.methods`.
    """
    path = folder / "results.html"
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
        methods=[_facts(results, label) for label in labels],
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


def _image_set(results: Results, name: str, worst: list[str], pictures: Pictures) -> dict[str, Any]:
    """Return what the page shows of one set; `left_out` says which images have no pictures."""
    rows, left_out = image_rows(results, name), ""
    if len(worst) < len(rows):
        left_out = (
            f"Pictures: the {len(worst)} of {len(rows)} images with the largest EPE; the others are left out "
            f"(html_images={pictures.limit} bounds the images with pictures on a page)."
        )
    return {"name": name, "columns": image_columns(results), "rows": rows, "left_out": left_out}


def _facts(results: Results, label: str) -> dict[str, str]:
    """Return what is known of a method; a baseline has its name alone."""
    told = results.networks[label].identity() if label in results.networks else {}
    facts = {key: told.get(key) or "–" for key in ("checkpoint", "model", "norm")}
    parameters = f"{told['parameters']:,}" if told.get("parameters") else "–"
    return {"label": label, **facts, "parameters": parameters}


def _caption(picture: Picture, several: bool) -> str:
    return f"{picture.kind}, {picture.method}" if picture.method and several else picture.kind


def _error_classes() -> list[tuple[str, str]]:
    """Return KITTI's ten colors with the errors they stand for, pixels."""
    bounds = [f"{bound * D1_PIXELS:.2g}" for bound in ERROR_BOUNDARIES]
    texts = [f"≤ {bounds[0]}", *(f"{low}–{high}" for low, high in pairwise(bounds)), f"> {bounds[-1]}"]
    return [(hex_color(color), text) for color, text in zip(error_table(), texts, strict=True)]
