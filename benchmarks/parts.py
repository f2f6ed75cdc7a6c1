"""The parts of the benchmark: each a yaml in conf/benchmark_part that names a function returning cases."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from omegaconf import OmegaConf

from benchmarks.compare import Comparison, compare
from benchmarks.compare import markdown as comparisons_table
from benchmarks.machine import measure_machine
from benchmarks.rate import Rate, Rated, rate
from benchmarks.rate import markdown as rates_table
from dsmnet.config import config_dir, instantiate
from dsmnet.errors import UserError

log = logging.getLogger(__name__)


SCALING = "scaling"  # the part that compares nothing: see `benchmarks.scaling_report`
GPU = "gpu"  # the part that runs on a CUDA device alone


def part_names() -> list[str]:
    """Return the names of the parts that compare."""
    return sorted(path.stem for path in (config_dir() / "benchmark_part").glob("*.yaml"))


def choose_parts(names: Sequence[str] | str, device: torch.device) -> list[str]:
    """Return the names of the parts that are asked for, `SCALING` among them: some, or "all" for a device.

    Raises:
        UserError: There is no such part, or not on this device.
    """
    known, on_gpu = [*part_names(), SCALING], device.type == "cuda"
    if names == "all":
        return [name for name in known if on_gpu or name != GPU]
    chosen = [names] if isinstance(names, str) else list(names)
    if GPU in chosen and not on_gpu:
        raise UserError("parts=gpu: needs a CUDA device; this run has device=cpu")
    for name in chosen:
        if name not in known:
            raise UserError(f"parts={name}: expected all or some of {', '.join(known)}")
    return chosen


def part_cases(name: str, device: str, options: Mapping[str, Any]) -> list[Any]:
    """Return the cases of a part; none where it lacks an input that only the user has.

    Args:
        name: Name of a file in conf/benchmark_part.
        device: Device of the tensors.
        options: Options that such a file may refer to, as ``${baselines.psmnet}``.
    """
    node = OmegaConf.load(config_dir() / "benchmark_part" / f"{name}.yaml")
    cases: list[Any] = instantiate(OmegaConf.create({**options, "part": node}).part, device=device)
    return cases


def run_parts(
    names: Sequence[str],
    repeats: int,
    device: torch.device,
    options: Mapping[str, Any],
    required: bool = True,
) -> dict[str, list[Comparison] | list[Rated]]:
    """Compare every case of the parts with its reference.

    Args:
        names: Names of parts.
        repeats: Timed runs of each way.
        device: Device of the tensors.
        options: Options, see `part_cases`.
        required: Whether a part that lacks an input of the user's is an error; else it is left out.

    Raises:
        UserError: A part lacks its input.
    """
    machine = measure_machine(device) if names else None
    tables: dict[str, list[Comparison] | list[Rated]] = {}
    for name in names:
        cases = part_cases(name, str(device), options)
        if not cases:
            missing = f"part {name} lacks its input; conf/benchmark_part/{name}.yaml says which"
            if required:
                raise UserError(missing)
            log.info("left out: %s", missing)
            continue
        if isinstance(cases[0], Rate):
            tables[name] = [rate(case, repeats) for case in cases]
        else:
            found = tables[name] = []
            for case in cases:
                found.append(compare(case, repeats, device.type == "cuda", machine))
                # What has been measured is told at once: a run that is stopped has not run for nothing.
                log.info("%s: %s: %.2fx", name, case.name, found[-1].ratio)
    return tables


def table(name: str, found: Sequence[Comparison] | Sequence[Rated]) -> str:
    """Return the table of one part."""
    rates = [item for item in found if isinstance(item, Rated)]
    if rates:
        return rates_table(name, rates)
    return comparisons_table(name, [item for item in found if isinstance(item, Comparison)])
