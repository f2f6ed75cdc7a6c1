"""Lines over a common axis, each panel with its own unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsmnet.types import Image
from dsmnet.viz.figures import line, panels_of, picture_of

Line = Sequence[tuple[float, float]]  # points (x, y)


def line_plot(panels: Mapping[str, Mapping[str, Line]], x_label: str, title: str) -> Image:
    """Draw panels side by side; smaller values lie lower, axes start at zero.

    Args:
        panels: Title with unit -> name of the line -> its points.
        x_label: of all panels.
        title: A line above.

    Returns:
        RGB on white.
    """
    figure, grid = panels_of(len(panels), title)
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    for axes, (heading, lines) in zip(grid, panels.items(), strict=True):
        for name, points in lines.items():
            x, y = zip(*points, strict=True)
            axes.plot(x, y, marker="o", markersize=4, label=name, **line(names.index(name)))
        axes.set_title(heading, loc="left", fontsize=11)
        axes.set_xlabel(x_label)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=6, frameon=False, fontsize=9)
    return picture_of(figure)
