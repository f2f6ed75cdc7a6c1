"""Time and memory against size and search range: python tools/benchmark_scaling.py [checkpoint=PATH].

Matches generated pairs as a whole and in tiles, each in a process of its own. Writes scaling.json and
scaling.png.
"""

from __future__ import annotations

import functools
import json
import logging
import os
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from dsmnet import load_model
from dsmnet.bench.scaling import Point, fit, measure
from dsmnet.config import save_config, tool
from dsmnet.inference.progress import track
from dsmnet.inference.tiled import in_tiles
from dsmnet.viz.scaling import Series, save_scaling

log = logging.getLogger(__name__)


@tool("benchmark_scaling")
def main(cfg: DictConfig) -> None:
    """Measure every pair, fit the constants, write the picture."""
    output = Path(cfg.paths.output)
    tiles = {"tile": cfg.tile, "overlap": cfg.overlap, "memory": cfg.memory}
    build = functools.partial(load_model, cfg.checkpoint, device="cpu")
    name = in_tiles(build(), **tiles).inner.config.get("model", "network")  # wrong options fail before hours
    jobs = [(list(job), ways) for key, ways in (("whole", None), ("tiled", tiles)) for job in cfg[key]]
    points = [
        measure(build, job[:2], job[2], ways, cfg.threads)
        for job, ways in track(jobs, "scaling", enabled=cfg.progress)
    ]
    whole, tiled = ([p for p in points if p.way == way] for way in ("whole", "tiled"))
    save_config(cfg, output / "config.yaml")
    times, memory, tiled_times = fit(whole, "seconds"), fit(whole, "growth"), fit(tiled, "seconds")
    notes = (
        f"whole: {times.per_pixel * 1e6:.2f} us/pixel + {times.per_cell * 1e9:.1f} ns/(pixel x disparity)",
        f"whole: {memory.per_pixel:.0f} bytes/pixel + {memory.per_cell:.2f} bytes/(pixel x disparity)",
    )
    record = {"model": name, "threads": cfg.threads or torch.get_num_threads(), "cores": os.cpu_count()}
    record |= {"torch": torch.__version__, "tiles": OmegaConf.to_container(OmegaConf.create(tiles))}
    record |= {
        "whole": {"seconds": vars(times), "bytes": vars(memory)},
        "tiled": {"seconds": vars(tiled_times)},
    }
    record["points"] = [point.to_dict() for point in points]
    (output / "scaling.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    title = f"{name}, {record['threads']} threads: generated pairs as a whole, and in tiles of {cfg.tile} px"
    series = [draw("whole", whole, "tab:blue", "o"), draw("tiled", tiled, "tab:orange", "s")]
    save_scaling(output / "scaling.png", series, cfg.memory * 1e9, title, notes)
    for note in notes:
        log.info(note)
    log.info("wrote %s and scaling.png", output / "scaling.json")


def draw(name: str, points: list[Point], colour: str, marker: str) -> Series:
    """Return what the picture needs of the points."""
    seconds, held = [p.seconds for p in points], [p.memory for p in points]
    return Series(name, [p.cells for p in points], seconds, held, colour, marker)


if __name__ == "__main__":
    main()
