"""Repeated measurements of several methods on several sets: a dot for each, a bar for mean and spread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from dsmnet.types import Image
from dsmnet.viz.figures import picture_of

MAX_COLUMNS = 3  # panels beside each other, so that their text is legible on a page
DPI = 150
ROW = 0.3  # inches, height of a row
HEAD = 0.75  # inches above the rows of a panel, and below for the axis
PANEL = 2.9  # inches, width of a panel
LETTER = 0.08  # inches, width of one letter of the rows' names

# Blue and vermilion of Okabe and Ito, told apart also by those who do not see red or green.
DOT = "#0072B2"
MEAN = "#D55E00"
TEXT, SOFT, STRIPE = "#1f2328", "#59636e", "#f3f5f7"


class Dots(NamedTuple):
    """The values of one row in one panel."""

    values: Sequence[float]  # infinite ones are drawn as an arrow at the right edge
    mean: float  # nan: none
    sd: float  # nan: none


class DotPanel(NamedTuple):
    """One set."""

    title: str
    unit: str  # a line below the title
    rows: Sequence[Dots]  # from the top down


def dot_plot(rows: Sequence[str], panels: Sequence[DotPanel], title: str) -> Image:
    """Draw at least one panel; they share their rows, and each has an axis of its own, smaller to the left.

    RGB on white, about 1500 pixels wide with three panels or more.
    """
    columns = min(MAX_COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    label = 0.3 + LETTER * max(map(len, rows))
    width, height = label + columns * PANEL, 0.75 + lines * (ROW * len(rows) + 2 * HEAD)
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white", layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=TEXT)
    for index, axes in enumerate(figure.subplots(lines, columns, squeeze=False).flat):
        if index < len(panels):
            _draw(axes, panels[index], rows if index % columns == 0 else [""] * len(rows))
        else:
            axes.set_axis_off()
    unbounded = any(math.isinf(value) for panel in panels for dots in panel.rows for value in dots.values)
    figure.legend(
        handles=_legend(unbounded),
        loc="outside lower left",
        ncols=4 if columns == MAX_COLUMNS else 2,
        frameon=False,
        fontsize=9,
        labelcolor=TEXT,
    )
    return picture_of(figure)


def _draw(axes: Any, panel: DotPanel, names: Sequence[str]) -> None:
    across = axes.get_yaxis_transform()  # x from 0 to 1 over the panel, y in rows
    for y, dots in enumerate(panel.rows):
        if y % 2 == 0:
            axes.axhspan(y - 0.5, y + 0.5, color=STRIPE, linewidth=0, zorder=0)
        finite = [value for value in dots.values if math.isfinite(value)]
        axes.scatter(finite, [y] * len(finite), s=26, color=DOT, alpha=0.6, linewidths=0, zorder=3)
        if not dots.values:
            centred = {"ha": "center", "va": "center", "transform": across}
            axes.text(0.5, y, "not measured", fontsize=9, color=SOFT, **centred)
        if len(finite) < len(dots.values):
            axes.plot(1, y, ">", color=DOT, markersize=7, transform=across, clip_on=False, zorder=4)
        if math.isfinite(dots.mean) and len(dots.values) != 1:  # of a single value the dot says it all
            axes.plot([dots.mean] * 2, [y - 0.34, y + 0.34], color=MEAN, linewidth=2, zorder=5)
        if math.isfinite(dots.sd):
            axes.plot([dots.mean - dots.sd, dots.mean + dots.sd], [y, y], color=MEAN, linewidth=1.2, zorder=2)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names, fontsize=10, color=TEXT)
    axes.set_title(panel.title, loc="left", fontsize=11, fontweight="bold", color=TEXT, pad=18)
    axes.text(0, 1, panel.unit, transform=axes.transAxes, va="bottom", fontsize=9, color=SOFT)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3))
    axes.grid(axis="x", color="#d0d7de", linewidth=0.6, zorder=1)
    axes.tick_params(axis="both", length=0, labelsize=9, labelcolor=TEXT)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)


def _legend(unbounded: bool) -> list[Line2D]:
    """Return what stands below the panels; the arrow of an infinite value only where there is one."""
    looks: dict[str, dict[str, Any]] = {
        "one seed": {"color": DOT, "marker": "o", "alpha": 0.6, "markersize": 5, "linewidth": 0},
        "mean ± standard deviation over seeds": {
            **{"color": MEAN, "marker": "|", "markersize": 9, "markeredgewidth": 2, "linewidth": 1.2}
        },
        "further left is better": {
            "color": SOFT,
            "marker": r"$\leftarrow$",
            "markersize": 10,
            "linewidth": 0,
        },
    }
    if unbounded:
        looks["a seed whose value is infinite"] = {"color": DOT, "marker": ">", "linewidth": 0}
    return [Line2D([], [], label=label, **look) for label, look in looks.items()]
