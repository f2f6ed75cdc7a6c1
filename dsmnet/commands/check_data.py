"""Check data sets: `python tools/check_data.py [dataset=NAME] [limit=N] [workers=auto]`.

Counts what is found, reads it, and writes data.md and a contact sheet of each set under panels/, all under
paths.output. Without dataset=: the synthetic pairs and every real set under paths.data.
"""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from dsmnet.atomic import atomic_write, check_apart, write_text
from dsmnet.config import config_dir, dataset_config, instantiate, is_endless, tool
from dsmnet.datasets.base import read_from
from dsmnet.datasets.catalog import FOUND, Source, find_source
from dsmnet.datasets.health_check import (
    SetReport,
    check_dataset,
    check_some_rows,
    choose_pairs,
    read_some,
)
from dsmnet.datasets.health_report import markdown
from dsmnet.datasets.process_pool import worker_count
from dsmnet.errors import NAMED, DataError, UserError
from dsmnet.evaluation.text_table import show_markdown
from dsmnet.io import write_image
from dsmnet.io.pairs import files_of
from dsmnet.progress import track
from dsmnet.viz import sheet

log = logging.getLogger(__name__)


@tool("check_data")
def main(cfg: DictConfig) -> None:
    """Check one set or all of them, report, and fail if there is a problem."""
    output, alone = Path(cfg.paths.output), "dataset" in cfg
    nodes = {cfg.choices.dataset: cfg.dataset} if alone else every_set(cfg.paths.data)
    unusable = DataError if alone else UserError  # a wrong option of the only set ends the tool
    workers, reports, sources = worker_count(cfg.workers), [], []
    for name, node in nodes.items():
        options: Any = OmegaConf.to_container(node, resolve=True)
        source = find_source(name, get_object(options["_target_"]), options, FOUND if alone else None)
        sources.append(source)
        try:
            reports += [check(source, node, cfg, output, workers)] if source.state == FOUND else []
        except unusable as error:  # there, but no pair of it can be used
            reports.append(SetReport(name, 0, source.published, problems=[str(error)]))
    text = markdown(reports, cfg.paths.data, sources)
    write_text(output / "data.md", text)
    short = markdown(reports, cfg.paths.data, sources, NAMED)
    show_markdown(short, Console())
    if problems := sum(len(report.problems) for report in reports):
        raise UserError(f"problems found: {problems}, listed in {output / 'data.md'}")
    log.info("no problems; report and sheets -> %s", output)


def every_set(data: str) -> dict[str, DictConfig]:
    """Return the configuration of each data set in conf/dataset, looked for under `data`."""
    files = sorted((config_dir() / "dataset").glob("*.yaml"))
    return {file.stem: dataset_config(file.stem, data) for file in files}


def check(source: Source, node: DictConfig, cfg: DictConfig, output: Path, workers: int) -> SetReport:
    """Read a set, draw its sheet."""
    endless = is_endless(node)
    # Pairs without ground truth are checked too.
    dataset: Any = instantiate(node) if endless else instantiate(node, require_ground_truth=False)
    read_from(dataset, cfg.min_disparity)
    indices = choose_pairs(len(dataset), cfg.limit or (cfg.examples if endless else None))
    watch = functools.partial(track, description=source.name, enabled=cfg.progress)
    report = check_dataset(dataset, indices, workers, watch)
    report.published = source.published
    report.rows = [] if endless else [rows.deviation for rows in check_some_rows(dataset) if rows.matches]
    check_apart(output, ["data.md", f"panels/{source.name}.png"], files_of(dataset))
    samples = read_some(dataset, [indices[i] for i in choose_pairs(len(indices), cfg.examples)])
    if samples:
        with atomic_write(output / "panels" / f"{source.name}.png") as part:
            write_image(part, sheet(samples, title=source.name))
    return report
