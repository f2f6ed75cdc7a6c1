"""What normalisation does to features: the figures of tools/analyze.py, of docs/runs/analysis.json."""

from __future__ import annotations

import json
from pathlib import Path

from dsmnet.viz.analysis import classifier_figure, divergence_figure, norms_figure
from dsmnet.viz.figures import save

DATA = Path(__file__).resolve().parents[1] / "runs" / "analysis.json"


def draw(path: Path) -> None:
    """Write norms.png, divergence.png or classifier.png, as the name of the file says."""
    record = json.loads(DATA.read_text("utf-8"))
    networks, domains = record["networks"], record["domains"]
    if path.stem == "norms":
        figure = norms_figure(networks, domains)
    elif path.stem == "divergence":
        figure = divergence_figure(networks, domains)
    else:
        figure = classifier_figure(networks)
    save(figure, path)
