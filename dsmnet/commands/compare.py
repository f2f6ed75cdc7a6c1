"""Compare trainings over seeds: python tools/compare.py runs='outputs/norm_ablation/*' [by=[norm,transform]].

Prints one row per group, mean ± standard deviation over its seeds, in the order of the error on the source's
validation split. With adapted='outputs/adabn/*' also what tools/adapt.py made of these trainings. Writes
comparison.json, comparison.md and comparison.png under paths.output.
"""

from __future__ import annotations

import logging
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from dsmnet.atomic import atomic_write, check_apart
from dsmnet.config import save_config, tool
from dsmnet.evaluation.comparison import compare
from dsmnet.evaluation.comparison_report import (
    check_metric,
    comparison_panels,
    show_comparison,
    write_comparison,
)
from dsmnet.evaluation.runs import read_adaptations, read_runs
from dsmnet.io import write_image
from dsmnet.viz import dot_plot

READ = ("config.yaml", "results.json", "metrics.csv", "adapt.json")  # of each run
WRITTEN = ("config.yaml", "comparison.json", "comparison.md", "comparison.png")
log = logging.getLogger(__name__)


@tool("compare")
def main(cfg: DictConfig) -> None:
    """Read the runs, group them, report."""
    options = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(options, dict)
    output = Path(options["paths"]["output"])
    metric = check_metric(options["metric"])
    runs = read_runs(options["runs"])
    if options["adapted"]:
        runs += read_adaptations(options["adapted"], runs)
    comparison = compare(runs, options["by"])
    read = [run.folder / name for run in runs for name in READ]
    check_apart(output, WRITTEN, read)
    save_config(cfg, output / "config.yaml")
    write_comparison(comparison, output, metric)
    with atomic_write(output / "comparison.png") as part:
        write_image(part, dot_plot(*comparison_panels(comparison, metric or "epe")))
    show_comparison(comparison, metric)
    log.info("wrote %s, comparison.md and comparison.png", output / "comparison.json")
