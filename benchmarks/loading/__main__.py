"""From files to batches: python -m benchmarks.loading [paths.data=DIR] [fake.use=true].

Times each set under paths.data, or generated pairs in its formats, the disk, and torchvision's readers where
they are installed.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from benchmarks.loading.fake import write_fake_set
from benchmarks.loading.measure import SetTimes, measure_loader, measure_set
from benchmarks.loading.report import environment, markdown
from benchmarks.loading.torchvision_readers import READERS_INSTALLED
from dsmnet.atomic import write_text
from dsmnet.config import dataset_config, instantiate, save_config, tool
from dsmnet.datasets.shard_writer import write_shards
from dsmnet.datasets.shards import Shards
from dsmnet.errors import UserError
from dsmnet.evaluation.text_table import show_markdown
from dsmnet.options import check_choice
from dsmnet.progress import track

OPTIONS = "pairs", "repeats", "crop", "workers", "loader"  # recorded beside the numbers
log = logging.getLogger(__name__)


@tool("benchmark_loading")
def main(cfg: DictConfig) -> None:
    """Time the sets that are there, or generated ones, and write the table."""
    check_choice("fake.use", str(cfg.fake.use).lower(), ("auto", "true", "false"))
    if not READERS_INSTALLED:
        log.info("torchvision is not installed: its readers are left out; pip install torchvision")
    nodes = {name: dataset_config(name, cfg.paths.data) for name in cfg.sets}
    if endless := [name for name, node in nodes.items() if "root" not in node]:
        raise UserError(f"sets: {', '.join(endless)} has no files to read")
    missing = [name for name, node in nodes.items() if not Path(node.root).expanduser().is_dir()]
    fake = cfg.fake.use is True or (cfg.fake.use == "auto" and len(missing) == len(nodes))
    before = environment()
    with TemporaryDirectory() as folder:
        if fake:
            nodes, missing = {name: write_fake(name, folder, cfg) for name in cfg.sets}, []
        there = [name for name in nodes if name not in missing]
        if not there:
            raise UserError(f"paths.data={cfg.paths.data}: none of sets={list(cfg.sets)} lies there")
        bar = track(there, "sets", unit="set", enabled=cfg.progress)
        results = [time_set(nodes[name], cfg) for name in bar]
    output = Path(cfg.paths.output)
    save_config(cfg, output / "config.yaml")
    load = [float(str(state["load_average"])) for state in (before, environment())]
    record = before | {"load_average": load, "generated": fake, "missing": missing}
    options: Any = OmegaConf.to_container(cfg)
    record |= {option: options[option] for option in OPTIONS}
    record["sets"] = [times.to_dict() for times in results]
    write_text(output / "loading.json", json.dumps(record, indent=1) + "\n")
    text = markdown(results, "Generated pairs" if fake else "Files of the benchmarks", missing, load)
    write_text(output / "loading.md", text)
    show_markdown(text, Console())
    log.info("wrote %s and loading.md", output / "loading.json")


def write_fake(name: str, folder: str, cfg: DictConfig) -> DictConfig:
    """Write generated pairs in the form of a data set; return its configuration."""
    node = dataset_config(name, folder)
    kind = hydra.utils.get_class(node["_target_"])
    write_fake_set(kind, Path(node.root), cfg.fake.sizes.get(name), cfg.fake.pairs)
    return node


def time_set(node: DictConfig, cfg: DictConfig) -> SetTimes:
    """Measure one set."""
    dataset, transform = instantiate(node), instantiate(cfg.transform)
    with TemporaryDirectory() as folder:
        write_shards(dataset, Path(folder))
        shards = Shards(folder)
        times = measure_set(dataset, transform, pairs=cfg.pairs, repeats=cfg.repeats, shards=shards)
        for workers in cfg.workers:
            times.loader[workers] = measure_loader(dataset, transform, workers=workers, **cfg.loader)
            times.shards_loader[workers] = measure_loader(shards, transform, workers=workers, **cfg.loader)
    return times


if __name__ == "__main__":
    main()
