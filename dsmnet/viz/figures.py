"""What the project's line figures share: panels in rows, colors that all readers can tell apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dsmnet.atomic import atomic_write
from dsmnet.types import Image

# Okabe and Ito's colors, which color-blind readers can tell apart.
COLORS = ("#000000", "#E69F00", "#0072B2", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442")
STYLES = ("-", "--", "-.", ":")


def picture_of(figure: Figure) -> Image:
    """Draw a figure; RGB."""
    agg = FigureCanvasAgg(figure)
    agg.draw()
    return np.ascontiguousarray(np.asarray(agg.buffer_rgba())[..., :3])


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    with atomic_write(path) as part:
        figure.savefig(part, dpi=130, facecolor="white")


def panels_of(number: int, title: str, width: float = 4.6, columns: int = 4) -> tuple[Figure, list[Axes]]:
    """Return a figure of so many panels, in rows of at most `columns`, each `width` inches wide."""
    columns = min(number, columns)
    rows = -(-number // columns)
    figure = Figure(figsize=(max(width * columns, 6.6), 3.9 * rows + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=13, x=0.01, ha="left")
    grid = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    for axes in grid[number:]:
        axes.remove()
    for axes in grid[:number]:
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, grid[:number]


def line_style(index: int) -> dict[str, Any]:
    """Return color and dashes of the curve of that number."""
    color, dashes = COLORS[index % len(COLORS)], STYLES[index % len(STYLES)]
    return {"color": color, "linestyle": dashes, "linewidth": 1.6}


def add_caption(figure: Figure, text: str) -> None:
    """Put a sentence below the panels."""
    figure.supxlabel(text, fontsize=9, x=0.01, ha="left", wrap=True)
