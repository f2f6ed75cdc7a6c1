"""D1 on KITTI 2015 against the time of a pair, of records in docs/runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.error_against_time import error_against_time, points, write_figure
from dsmnet.viz.figures import add_caption

RUNS = Path(__file__).resolve().parents[1] / "runs"
ERRORS = {  # back end, of benchmark_backends.json -> errors that hold for it; "": for all in float32
    "": "lite_cpu_results.json",
    "torch bfloat16": "kitti2015_bfloat16.json",
    "sgbm_3way": "kitti2015_sgbm_3way.json",
}


def draw(path: Path) -> None:
    """Write the figure."""

    def read(name: str) -> Any:
        return json.loads((RUNS / name).read_text("utf-8"))

    benchmark = read("benchmark_backends.json")
    errors = {backend: read(name) for backend, name in ERRORS.items()}
    found = points(benchmark, errors, "kitti2015", "d1")
    pair = benchmark["parts"]["backends"][0]["network"]["pair"]
    figure = error_against_time(found, pair, "wrong pixels (D1), %")
    figure.suptitle("Error on KITTI 2015 against time, without fine-tuning", x=0.01, ha="left")
    threads = f"{benchmark['threads']} threads on cores that other programs used too"
    add_caption(figure, f"10 pairs, pixels that both views see; {threads}. Left and low is better.")
    write_figure(figure, path)
