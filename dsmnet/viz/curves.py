"""Lines over a common axis, each panel with its own unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dsmnet.protocols import Image
from dsmnet.viz.dotplot import DPI, SOFT, TEXT

# Okabe and Ito, told apart also by those who do not see red or green.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

Line = Sequence[tuple[float, float]]  # points (x, y)


def line_plot(panels: Mapping[str, Mapping[str, Line]], x_label: str, title: str) -> Image:
    """Draw panels side by side; smaller values lie lower, axes start at zero.

    Args:
        panels: title with unit -> name of the line -> its points.
        x_label: of all panels.
        title: a line above.

    Returns:
        RGB on white.
    """
    figure = Figure(figsize=(5.2 * len(panels), 4.0), dpi=DPI, facecolor="white", layout="constrained")
    agg = FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=TEXT)
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    for axes, (heading, lines) in zip(
        figure.subplots(1, len(panels), squeeze=False).flat, panels.items(), strict=True
    ):
        for name, points in lines.items():
            x, y = zip(*points, strict=True)
            colour = _COLOURS[names.index(name) % len(_COLOURS)]
            axes.plot(x, y, marker="o", markersize=4, linewidth=1.6, color=colour, label=name)
        axes.set_title(heading, loc="left", fontsize=11, fontweight="bold", color=TEXT)
        axes.set_xlabel(x_label, fontsize=9, color=SOFT)
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        axes.grid(color="#d0d7de", linewidth=0.6)
        axes.tick_params(length=0, labelsize=9, labelcolor=TEXT)
        for side in axes.spines.values():
            side.set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=6, frameon=False, fontsize=9)
    agg.draw()
    return np.ascontiguousarray(np.asarray(agg.buffer_rgba())[..., :3])
