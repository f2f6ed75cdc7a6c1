"""Error of the pixels that a confidence keeps, of docs/runs/lite_cpu_results.json."""

from __future__ import annotations

import json
from pathlib import Path

from dsmnet.viz.figures import save
from dsmnet.viz.sparsification_figure import sparsification_figure

DATA = Path(__file__).resolve().parents[1] / "runs" / "lite_cpu_results.json"


def draw(path: Path) -> None:
    """Write the figure."""
    found = json.loads(DATA.read_text("utf-8"))["confidence"]
    save(sparsification_figure(found["sets"], found["kept"], "Confidence of dsmnet_lite"), path)
