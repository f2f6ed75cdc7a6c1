"""Time, memory and parameters: python tools/benchmark.py [model=dsmnet] [size=[384,1248]] [parts=[volumes]].

Measures each backend of the graph filters in a process of its own, every fast path beside its reference, and
what the shipped network costs by size and search range. Writes benchmark.json, benchmark.md, scaling.json and
scaling.png.
"""

from __future__ import annotations

import functools
import json
import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from benchmarks.network import describe, markdown, measure
from benchmarks.parts import SCALING, choose_parts, run_parts, table
from benchmarks.scaling_report import check_scaling, measure_scaling
from dsmnet import load_model
from dsmnet.api import build_from_config, choose_device
from dsmnet.atomic import write_text
from dsmnet.config import save_config, tool
from dsmnet.evaluation.text_table import show_markdown

log = logging.getLogger(__name__)


@tool("benchmark")
def main(cfg: DictConfig) -> None:
    """Measure every backend and write the table."""
    output = Path(cfg.paths.output)
    names = {key: cfg.choices[key] for key in ("model", "norm", "norm@norm3d")}
    device = choose_device(cfg.device)
    plain = OmegaConf.create({"model": OmegaConf.to_container(cfg.model, resolve=True)})
    plain.choices = cfg.choices
    build = functools.partial(build_from_config, plain)
    parts = choose_parts(cfg.parts, device)
    scaling: Any = OmegaConf.to_container(cfg.scaling, resolve=True)
    load = functools.partial(load_model, scaling["checkpoint"], device="cpu", backend="torch")
    if SCALING in parts:
        scaled = check_scaling(load(), scaling)  # wrong options fail before minutes of the rest
    results = [
        measure(
            build,
            tuple(cfg.size),
            backend=backend,
            device=str(device),
            max_disparity=cfg.max_disparity,
            train=cfg.train,
            repeats=cfg.repeats,
            threads=cfg.threads,
        )
        for backend in cfg.backends
    ]
    save_config(cfg, output / "config.yaml")
    record = {**names, "size": list(cfg.size), "max_disparity": cfg.max_disparity, "train": cfg.train}
    record |= {**describe(device, cfg.threads), "backends": [result.to_dict() for result in results]}
    compared = [part for part in parts if part != SCALING]
    tables = run_parts(
        compared,
        cfg.repeats,
        device,
        {"baselines": cfg.baselines, "networks": cfg.networks},
        required=cfg.parts != "all",
    )
    record["parts"] = {name: [case.to_dict() for case in cases] for name, cases in tables.items()}
    texts = [markdown(record, results), *(table(name, cases) for name, cases in tables.items())]
    if SCALING in parts:
        texts.append(measure_scaling(load, scaled, scaling, output, cfg.progress))
    text = "\n".join(texts)
    write_text(output / "benchmark.json", json.dumps(record, indent=2) + "\n")
    write_text(output / "benchmark.md", text)
    show_markdown(text, Console())
    log.info("wrote %s and benchmark.md", output / "benchmark.json")
