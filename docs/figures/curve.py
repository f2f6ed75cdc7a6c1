"""Zero-shot error against the pairs seen, of docs/runs/zero_shot_curve.csv, up to the weights that ship."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from dsmnet.viz.figures import COLORS, STYLES, panels_of, save

RUNS = Path(__file__).resolve().parents[1] / "runs"
PAIRS = 128_012  # of the weights that ship
METRICS = {"epe": "EPE px", "d1": "D1 %"}


def draw(path: Path) -> None:
    """Write the figure."""
    rows = list(csv.DictReader((RUNS / "zero_shot_curve.csv").open(encoding="utf-8")))
    last = json.loads((RUNS / "lite_cpu_results.json").read_text("utf-8"))["sets"]
    figure, panels = panels_of(
        len(METRICS), "dsmnet_lite: zero-shot error on real pairs, by training pairs seen"
    )
    for axes, (metric, title) in zip(panels, METRICS.items(), strict=True):
        for index, name in enumerate(last):
            of_set = [row for row in rows if row["set"] == name]
            pairs = [*(int(row["pairs"]) for row in of_set), PAIRS]
            values = [*(float(row[metric]) for row in of_set), last[name][metric]]
            look = {"color": COLORS[index], "linestyle": STYLES[index % len(STYLES)]}
            axes.plot([each / 1000 for each in pairs], values, marker="o", markersize=3.5, label=name, **look)
        axes.set_title(title, fontsize=11, loc="left")
        axes.set_xlabel("training pairs, thousands")
        axes.set_xlim(0)
        axes.set_ylim(0)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    save(figure, path)
