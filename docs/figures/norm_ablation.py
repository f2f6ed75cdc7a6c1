"""EPE of every run of the comparison of norms, of docs/runs/norm_ablation.json."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from dsmnet.io import write_image
from dsmnet.viz import dot_plot
from dsmnet.viz.dotplot import DotPanel, Dots

DATA = Path(__file__).resolve().parents[1] / "runs" / "norm_ablation.json"


def draw(path: Path) -> None:
    """Write the figure."""
    found = json.loads(DATA.read_text("utf-8"))
    groups, runs = found["groups"], found["runs"]

    def dots(group: dict[str, Any], statistic: dict[str, Any], values: list[float | None]) -> Dots:
        mean, sd = (math.nan if statistic[key] is None else statistic[key] for key in ("mean", "sd"))
        return Dots([value for value in values if value is not None], mean, sd)

    def of(group: dict[str, Any]) -> list[dict[str, Any]]:
        return [run for run in runs if run["group"] == group["label"]]

    source = [
        dots(each, each["source_validation_epe"], [run["source_validation_epe"] for run in of(each)])
        for each in groups
    ]
    panels = [DotPanel("source val.", "EPE px · rows are sorted by it", source)]
    for name, images in found["sets"].items():
        rows = [
            dots(
                each,
                each["sets"][name]["epe"],
                [run["sets"][name]["epe"] for run in of(each) if name in run["sets"]],
            )
            for each in groups
        ]
        panels.append(DotPanel(name, f"EPE px · {images} images", rows))
    write_image(path, dot_plot([each["label"] for each in groups], panels, "EPE by norm, three seeds"))
