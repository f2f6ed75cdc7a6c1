"""Time and memory against pixels x disparities, as a picture of two panels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dsmnet.atomic import atomic_write


class Series(NamedTuple):
    """Measurements of one way, and the line that stands for them."""

    name: str
    cells: Sequence[float]  # pixels x disparities
    seconds: Sequence[float]
    bytes: Sequence[float]
    color: str
    marker: str


def save_scaling(
    path: Path, series: Sequence[Series], limit: float | None, title: str, notes: tuple[str, str]
) -> None:
    """Write the picture: time on the left, peak memory of the process on the right, both axes logarithmic.

    Args:
        path: A PNG file.
        series: The ways.
        limit: Bytes that a prediction may take, drawn as a line.
        title: what was measured.
        notes: The fitted constants of time and memory, written into the panels.
    """
    figure = Figure(figsize=(10, 4.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    time_panel, memory_panel = figure.subplots(1, 2)
    for s in series:
        style = {"color": s.color, "marker": s.marker, "linestyle": "none", "label": s.name, "alpha": 0.85}
        time_panel.plot([c / 1e6 for c in s.cells], s.seconds, **style)
        memory_panel.plot([c / 1e6 for c in s.cells], [b / 1e9 for b in s.bytes], **style)
    if limit is not None:
        memory_panel.axhline(limit / 1e9, color="0.4", linestyle=":", linewidth=1)
        memory_panel.annotate(
            f"memory={limit / 1e9:g}",
            (0.02, limit / 1e9),
            xycoords=("axes fraction", "data"),
            va="bottom",
            fontsize=8,
        )
    labels = ("processor seconds per pair", "peak memory of the process, GB")
    for panel, label, note in zip((time_panel, memory_panel), labels, notes, strict=True):
        panel.set(xscale="log", yscale="log", xlabel="pixels x disparities, millions", ylabel=label)
        panel.grid(visible=True, which="major", alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
        panel.annotate(note, (0.98, 0.03), xycoords="axes fraction", ha="right", va="bottom", fontsize=8)
    time_panel.legend(loc="upper left", frameon=False)
    figure.suptitle(title, fontsize=10)
    with atomic_write(path) as part:
        figure.savefig(part)
