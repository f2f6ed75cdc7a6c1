"""Check data sets: python tools/check_data.py [dataset=NAME] [limit=N].

Counts what is found, reads it, and writes data.md and a contact sheet of each set under panels/, all under
paths.output. Without dataset=: the synthetic pairs and every real set under paths.data.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console
from rich.markdown import Markdown

from dsmnet.config import config_dir, dataset_config, instantiate, tool
from dsmnet.data.check import SetReport, check_dataset, choose_pairs, markdown
from dsmnet.data.formats import write_image
from dsmnet.errors import DataError, UserError
from dsmnet.inference.progress import track
from dsmnet.viz import sheet

log = logging.getLogger(__name__)


@tool("check_data")
def main(cfg: DictConfig) -> None:
    """Check one set or all of them, report, and fail if there is a problem."""
    output = Path(cfg.paths.output)
    if "dataset" in cfg:
        nodes, missing = {HydraConfig.get().runtime.choices.dataset: cfg.dataset}, []
    else:
        nodes = every_set(cfg.paths.data)
        missing = [name for name, node in nodes.items() if not Path(node.get("root", ".")).is_dir()]
    reports = []
    for name in [name for name in nodes if name not in missing]:
        try:
            reports.append(check(name, nodes[name], cfg, output))
        except DataError as error:  # there, but no pair of it can be used
            reports.append(SetReport(name, 0, problems=[str(error)]))
    output.mkdir(parents=True, exist_ok=True)
    text = markdown(reports, cfg.paths.data, missing)
    (output / "data.md").write_text(text, encoding="utf-8")
    Console(width=None if sys.stdout.isatty() else 120).print(Markdown(text))
    if problems := sum(len(report.problems) for report in reports):
        raise UserError(f"problems found: {problems}, listed above and in {output / 'data.md'}")
    log.info("no problems; report and sheets -> %s", output)


def every_set(data: str) -> dict[str, DictConfig]:
    """Return the configuration of each data set in conf/dataset, looked for under `data`."""
    names = sorted(path.stem for path in (config_dir() / "dataset").glob("*.yaml"))
    nodes = {name: dataset_config(name, data) for name in names}
    # One's own folders have to be named, and what a mixture holds is here anyway.
    return {name: node for name, node in nodes.items() if "left" not in node and "parts" not in node}


def check(name: str, node: DictConfig, cfg: DictConfig, output: Path) -> SetReport:
    """Read a set, draw its sheet."""
    if "require_truth" in node:
        node.require_truth = False  # pairs without truth are checked too
    dataset: Any = instantiate(node)
    endless = "require_truth" not in node
    indices = choose_pairs(len(dataset), cfg.limit or (cfg.examples if endless else None))
    keep = {indices[i] for i in choose_pairs(len(indices), cfg.examples)}
    report, samples = check_dataset(dataset, track(indices, name, enabled=cfg.progress), keep)
    if samples:
        write_image(output / "panels" / f"{name}.png", sheet(samples, title=name))
    return report


if __name__ == "__main__":
    main()
