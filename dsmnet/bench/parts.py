"""The parts of the benchmark: each a yaml in conf/benchmark_part that names a function returning cases."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from omegaconf import OmegaConf

from dsmnet.bench.compare import Comparison, compare
from dsmnet.bench.compare import markdown as comparisons_table
from dsmnet.bench.machine import measure_machine
from dsmnet.bench.rate import Rate, Rated, rate
from dsmnet.bench.rate import markdown as rates_table
from dsmnet.config import config_dir, instantiate
from dsmnet.errors import UserError


def part_names() -> list[str]:
    """Return the names of the parts there are."""
    return sorted(path.stem for path in (config_dir() / "benchmark_part").glob("*.yaml"))


def run_parts(
    names: Sequence[str] | str, repeats: int, device: torch.device
) -> dict[str, list[Comparison] | list[Rated]]:
    """Compare every case of the parts with its reference.

    Args:
        names: of parts, or "all".
        repeats: timed runs of each way.
        device: where the tensors lie.

    Raises:
        UserError: there is no such part.
    """
    known = part_names()
    chosen = known if names == "all" else [names] if isinstance(names, str) else list(names)
    for name in chosen:
        if name not in known:
            raise UserError(f"parts={name}: expected all or some of {', '.join(known)}")
    machine = measure_machine(device)
    tables: dict[str, list[Comparison] | list[Rated]] = {}
    for name in chosen:
        node = OmegaConf.load(config_dir() / "benchmark_part" / f"{name}.yaml")
        cases = instantiate(node, device=str(device))
        if isinstance(cases[0], Rate):
            tables[name] = [rate(case, repeats) for case in cases]
        else:
            tables[name] = [compare(case, repeats, device.type == "cuda", machine) for case in cases]
    return tables


def table(name: str, found: Sequence[Comparison] | Sequence[Rated]) -> str:
    """Return the table of one part."""
    rates = [item for item in found if isinstance(item, Rated)]
    if rates:
        return rates_table(name, rates)
    return comparisons_table(name, [item for item in found if isinstance(item, Comparison)])
