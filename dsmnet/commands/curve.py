"""Would more training help: python tools/curve.py checkpoints='outputs/mine/checkpoints/step=*.ckpt'.

Scores every checkpoint on the sets of eval= and writes curve.json, curve.csv and curve.png, error against the
number of training pairs, under paths.output.
"""

from __future__ import annotations

import logging
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from dsmnet import load_model
from dsmnet.atomic import atomic_write, check_apart
from dsmnet.config import instantiate, save_config, tool
from dsmnet.errors import UserError
from dsmnet.evaluation import choose_sets, evaluate
from dsmnet.evaluation.curve import curve_rows, find_milestones, write_curve
from dsmnet.evaluation.report import HEADINGS
from dsmnet.io import write_image
from dsmnet.io.pairs import files_of
from dsmnet.viz.curves import line_plot

WRITTEN = ("config.yaml", "curve.json", "curve.csv", "curve.png")
log = logging.getLogger(__name__)


@tool("curve")
def main(cfg: DictConfig) -> None:
    """Find the checkpoints, score each, draw."""
    options = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(options, dict)
    for metric in options["metrics"]:
        if metric not in HEADINGS:
            raise UserError(f"metrics={metric}: expected some of {', '.join(HEADINGS)}")
    milestones = find_milestones(options["checkpoints"], options["pairs"], options["offset"])
    sets, output = choose_sets(cfg, instantiate), Path(cfg.paths.output)
    read = [file for dataset in sets.present.values() for file in files_of(dataset)]
    check_apart(output, WRITTEN, [*(milestone.checkpoint for milestone in milestones), *read])
    save_config(cfg, output / "config.yaml")
    results = []
    for milestone in milestones:
        net = load_model(milestone.checkpoint, device=cfg.device)
        found = evaluate(
            net,
            sets.present,
            instantiate(cfg.protocol),
            max_disparity=cfg.max_disparity,
            progress=cfg.progress,
        )
        results.append((milestone, found))
        log.info("%d pairs: %s", milestone.pairs, {k: round(v["epe"], 3) for k, v in found["sets"].items()})
    rows = curve_rows(results)
    write_curve(rows, output)
    panels = {
        HEADINGS[metric]: {
            name: [(row["pairs"], row[metric]) for row in rows if row["set"] == name] for name in sets.present
        }
        for metric in options["metrics"]
    }
    with atomic_write(output / "curve.png") as part:
        write_image(part, line_plot(panels, "training pairs", "Zero-shot error and training"))
    log.info("wrote %s, curve.csv and curve.png", output / "curve.json")


if __name__ == "__main__":
    main()
