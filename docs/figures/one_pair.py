"""A pair on its way through the tree, from the steps in the docstring of the package."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

import dsmnet

STEP = re.compile(r"^ {4}(\S+) +(.+?) *-> (.+?)(?: {2,}(.+))?$", re.MULTILINE)
COLORS = {"stages": "#d7e8f7", "data": "#e6f2df"}  # networks; the way to them


def draw(path: Path) -> None:
    """Read the steps from the package's docstring and write the figure."""
    steps = STEP.findall(dsmnet.__doc__ or "")
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "dsmnet", "font.family": "sans-serif"})
    figure, axes = plt.subplots(figsize=(9, 0.62 * len(steps)))
    for row, (place, given, result, shape) in enumerate(steps):
        y = -row
        kind = "stages" if place.startswith("stages") else "data" if row < 3 else ""
        axes.text(
            0.17,
            y,
            place,
            ha="center",
            va="center",
            family="monospace",
            bbox={"boxstyle": "round,pad=0.45", "fc": COLORS.get(kind, "#f4ecd8"), "ec": "#888888"},
        )
        axes.text(0.36, y, f"{given}  →  {result}", va="center")
        axes.text(0.88, y, shape, va="center", family="monospace", fontsize=8, color="#555555")
        if row:
            axes.annotate(
                "", (0.17, y + 0.3), (0.17, y + 0.7), arrowprops={"arrowstyle": "->", "color": "#888888"}
            )
    axes.set(xlim=(0, 1.33), ylim=(-len(steps) + 0.4, 0.6))
    axes.axis("off")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
