"""Arithmetic of scale: python -m benchmarks.scale. Writes scale.json and scale.md under paths.output.

Measures what a core reads, makes and packs, holds a simulation beside a loader of this machine, and predicts
GPUs that the configuration names.
"""

from __future__ import annotations

import functools
import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.markdown import Markdown

from benchmarks.loading.fake import write_fake_set
from benchmarks.loading.measure import Whole, one_thread
from benchmarks.scale.pipeline import Pipeline, simulate
from benchmarks.step import training_step
from dsmnet.atomic import write_text
from dsmnet.config import compose, instantiate, tool
from dsmnet.data.collate import collate
from dsmnet.data.datamodule import StereoDataModule
from dsmnet.datasets.sceneflow import SceneFlow
from dsmnet.datasets.shard_writer import write_shards
from dsmnet.datasets.shards import Shards
from dsmnet.synthetic import SyntheticStereo

_BYTES = 29  # of a pixel of a pair in a batch: two views of three float32, disparity, mask
log = logging.getLogger(__name__)


@tool("benchmark_scale")
def main(cfg: DictConfig) -> None:
    """Measure, check and predict."""
    options: Any = OmegaConf.to_container(cfg, resolve=True)
    with TemporaryDirectory() as folder, one_thread():
        read, megabytes = ways(Path(folder), options["pairs"])
        parts = measure(read, options["pairs"], options["repeats"])
        step = training_step("dsmnet_lite", "domain", (4, 3, 144, 288), max_disparity=96, device="cpu")
        parts["step"] = {key: value / 4 for key, value in measure({"": lambda i: step()}, 1, 3)[""].items()}
        checks = check(Shards(Path(folder) / "made"), options["check"])
    host = options["host"]
    slower = 1000 / host["made"] / parts["made"]["cpu_ms"]  # a core there than one here
    found = []
    for case in options["cases"]:
        pair = parts[case["part"]]["cpu_ms"] * slower / 1000
        size = megabytes.get(case["part"], 0.0)
        found += [predict(case, gpus, pair, size, host) for gpus in options["gpus"]]
    measured = [{"part": name, **row} for name, row in parts.items()]
    text = "\n\n".join([table(measured), table(checks), table(found)])
    output = Path(cfg.paths.output)
    record = {"parts": parts, "megabytes": megabytes, "slower": slower, "check": checks, "predicted": found}
    write_text(output / "scale.json", json.dumps(record | {"options": options}, indent=1) + "\n")
    write_text(output / "scale.md", text + "\n")
    Console(width=160).print(Markdown(text))
    log.info("wrote %s and scale.md", output / "scale.json")


def ways(folder: Path, pairs: int) -> tuple[dict[str, Callable[[int], Any]], dict[str, float]]:
    """Return what makes or reads pair number i, each to a batch of one, and megabytes of a pair in shards."""
    made = SyntheticStereo(length=pairs, size=(256, 512), largest_disparity=144, validation_length=1)
    write_fake_set(SceneFlow, folder / "files", (540, 960), pairs)
    files = SceneFlow(folder / "files")
    sets: dict[str, tuple[Any, str, tuple[int, int]]] = {
        "sceneflow": (files, "dsmnet", (256, 640)),
        "made": (made, "crop_light", (240, 480)),
    }
    found: dict[str, Callable[[int], Any]] = {}
    megabytes = {}
    for name, (dataset, transform, (height, width)) in sets.items():
        write_shards(dataset, folder / name, pairs=pairs)
        crop = [f"transform={transform}", f"crop.height={height}", f"crop.width={width}"]
        change = instantiate(compose("benchmark_loading", crop).transform)
        for way, source in ((name, dataset), (f"{name}_shards", Shards(folder / name))):
            found[way] = functools.partial(_read, source, change)
        size = sum(path.stat().st_size for path in (folder / name).glob("*.tar"))
        megabytes[f"{name}_shards"] = size / 1e6 / (pairs + (name == "made"))
    return found, megabytes


def _read(source: Any, change: Any, index: int) -> Any:
    return collate([change(source[index], np.random.default_rng(index))])


def measure(read: dict[str, Callable[[int], Any]], pairs: int, repeats: int) -> dict[str, dict[str, float]]:
    """Return the median milliseconds per pair of processor and wall clock; the ways take turns."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in read}
    for _ in range(repeats + 1):
        for name, one in read.items():
            start = time.process_time(), time.perf_counter()
            for i in range(pairs):
                one(i)
            times[name].append((time.process_time() - start[0], time.perf_counter() - start[1]))
    medians = {name: np.median(found[1:], axis=0) / pairs * 1e3 for name, found in times.items()}
    return {name: {"cpu_ms": float(cpu), "wall_ms": float(wall)} for name, (cpu, wall) in medians.items()}


def check(dataset: Any, options: Any) -> list[dict[str, Any]]:
    """Time training's loader, with a pause for the step, beside its simulation.

    What a batch takes and how much that varies comes from the same loader without a pause, before and after
    each measurement, as the machine may have other work; the medians of the rounds count.
    """
    change = instantiate(compose("benchmark_loading", ["crop.height=240", "crop.width=480"]).transform)
    batch, batches, workers = options["batch_size"], options["batches"], options["workers"]

    def run(step: float) -> tuple[float, float]:
        """Return the mean seconds between two batches, and their relative standard deviation."""
        module = StereoDataModule(
            Whole(dataset), change, batch_size=batch, epoch_steps=batches + 1, workers=workers
        )
        times = []
        for _ in module.train_dataloader():
            times.append(time.perf_counter())
            time.sleep(step)
        between = np.diff(times)
        return float(between.mean()), float(between.std() / between.mean())

    rows = []
    for share in options["step_share"]:
        found = []
        for _ in range(options["rounds"]):
            before = run(0.0)
            step = share * before[0]
            measured, after = run(step)[0], run(0.0)
            seconds, spread = np.mean([before, after], axis=0).tolist()
            line = Pipeline(seconds * workers / batch, step, batch, workers, spread=min(spread, 1.0))
            found.append((batch / measured, simulate(line).pairs_per_second))
        real, same = np.array(found).T
        medians = {"measured": float(np.median(real)), "simulated": float(np.median(same))}
        rows.append({"step / reading": share, **medians, "ratio": float(np.median(same / real))})
    return rows


def predict(case: Any, gpus: int, pair: float, megabytes: float, host: Any) -> dict[str, Any]:
    """Simulate some GPUs; gradients are exchanged in a ring over the links of the nodes, after the step."""
    exchange = 2 * 4 * case["parameters"] / 1e6 / host["link"] if gpus > 8 else 0.0
    step, batch, readers = case["step_ms"] / 1e3 + exchange, case["batch"], host["readers"]
    limits = {"megabytes": megabytes, "link": host["link"], "store": host["store"]}
    flow = simulate(Pipeline(pair, step, batch, readers, gpus, spread=host["spread"], **limits), 60)
    wanted, node = batch / step * gpus, min(gpus, 8)
    queued = readers * 4 * batch * math.prod(case["crop"]) * _BYTES / 1e9
    return {
        "case": case["name"],
        "GPUs": gpus,
        "pairs/s wanted": wanted,
        "readers wanted per GPU": math.ceil(batch / step * pair),
        "MB/s wanted per node": wanted / gpus * node * megabytes,
        "in all": wanted * megabytes,
        "pairs/s simulated": flow.pairs_per_second,
        "waiting %": 100 * flow.waiting,
        "hours": case["pairs"] * case["passes"] / flow.pairs_per_second / 3600,
        "GB queued per node": queued * node,
        "TB stored": megabytes * case["pairs"] / 1e6,
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as Markdown, numbers with three digits."""

    def cell(value: Any) -> str:
        if isinstance(value, float):
            return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
        return str(value)

    lines = [[*rows[0]], ["--"] * len(rows[0]), *(list(map(cell, row.values())) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
