"""What adaptation without labels does by norm: a dot for each seed, of docs/runs/norm_adaptation.json."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from dsmnet.io import write_image
from dsmnet.viz import dot_plot
from dsmnet.viz.dotplot import DotPanel, Dots

DATA = Path(__file__).resolve().parents[1] / "runs" / "norm_adaptation.json"
PANELS = {
    "kitti2015_last5_d1": ("KITTI 2015, last 5 pairs", "D1 %, never seen"),
    "middlebury_bad2": ("MiddEval3 quarter", "bad-2 %, another domain"),
    "middlebury2006_bad2": ("Middlebury 2006 third", "bad-2 %, another domain"),
}


def draw(path: Path) -> None:
    """Write the figure."""
    runs = json.loads(DATA.read_text("utf-8"))
    rows = {f"{norm}, {method}": seeds for norm, methods in runs.items() for method, seeds in methods.items()}

    def dots(values: list[float]) -> Dots:
        return Dots(values, statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0)

    panels = [
        DotPanel(*titles, [dots([seed[key] for seed in seeds.values()]) for seeds in rows.values()])
        for key, titles in PANELS.items()
    ]
    title = "Adapted to the first 5 pairs of KITTI 2015, without labels"
    write_image(path, dot_plot(list(rows), panels, title))
