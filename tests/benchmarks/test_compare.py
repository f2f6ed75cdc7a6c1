"""Ratios of a fast and a slow way, and the tables made of them."""

from __future__ import annotations

import functools
import time
import timeit
from collections.abc import Callable

import pytest
import torch
from omegaconf import OmegaConf

from benchmarks import Case, Comparison, compare
from benchmarks.compare import markdown
from benchmarks.machine import Machine, measure_machine
from benchmarks.memory import growth
from benchmarks.parts import GPU, choose_parts, part_cases, part_names
from dsmnet.config import config_dir
from dsmnet.errors import UserError


def sleeps(seconds: float) -> Callable[[], object]:
    return functools.partial(time.sleep, seconds)


def holds(megabytes: int) -> Callable[[], object]:
    return functools.partial(torch.ones, megabytes, 2**18)


def dies() -> Callable[[], object]:
    raise SystemExit(3)


def test_ratio_of_times() -> None:
    case = Case(
        "sleep", functools.partial(sleeps, 0.02), functools.partial(sleeps, 0.1), "more", 2, operations=1e6
    )
    found = compare(case, repeats=3)
    assert 2 < found.ratio < 6
    assert found.ratio_quartiles[0] <= found.ratio <= found.ratio_quartiles[1]
    assert found.seconds == pytest.approx(0.02, rel=0.5)
    assert found.gflops == pytest.approx(1e-3 / found.seconds)
    assert found.memory is None
    with pytest.raises(UserError, match="repeats=0"):
        compare(case, repeats=0)


def test_a_rate_stands_beside_what_the_machine_does_at_best() -> None:
    found = Comparison("a", "b", 1, 2, 2, (2, 2), None, None, None, None, 50, 3, Machine(12, 200))
    lines = markdown("Part", [found]).splitlines()
    assert "| 50.0 (25%) | 3.0 (25%) |" in lines[4]
    assert lines[-1] == (
        "The machine at best, in the same run: copy 12.0 GB/s, float32 matrix product 200 GFLOP/s."
    )


def test_rates_of_the_machine() -> None:
    machine = measure_machine(torch.device("cpu"))
    x = torch.ones(2**22)
    seconds = min(timeit.repeat(lambda: x.clone(), number=1, repeat=10))
    assert 0.05 < machine.gbytes / (2 * x.nbytes / seconds / 1e9) < 20  # of the same order
    assert machine.gflops > 1


def test_memory_is_that_of_the_run() -> None:
    assert 55 < growth(functools.partial(holds, 64)) < 90
    with pytest.raises(UserError, match=r"mine: the process died \(status 3\)"):
        growth(dies, what="mine")


def test_a_missed_target_says_so() -> None:
    good = Comparison("a", "b", 0.001, 0.004, 4.0, (3.5, 4.5), 3, 50, 100, 0.6, None, 12.34)
    bad = Comparison("c", "d", 0.001, 0.002, 2.0, (1.9, 2.1), 3, 80, 100, 0.6, 5.0, None)
    lines = markdown("Part", [good, bad]).splitlines()
    assert lines[-2] == (
        "| a | b | 1.0 | 4.0 | 4.00x (3.50-4.50) | 3x | 50 (0.50, target 0.6) | 100 |  | 12.3 |"
    )
    assert "| 3x missed | 80 (0.80, target 0.6 missed) |" in lines[-1]


@pytest.mark.parametrize("name", part_names())
def test_every_part_states_its_cases(name: str) -> None:
    options = OmegaConf.load(config_dir() / "benchmark.yaml")
    device = "cuda" if name == GPU else "cpu"
    cases = part_cases(name, device, {"baselines": options.baselines, "networks": options.networks})
    assert cases or name == "baselines"  # which needs clones, see test_baselines.py
    assert len({case.name for case in cases}) == len(cases)


def test_part_of_the_gpu_is_refused_or_left_out_without_one() -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    with pytest.raises(UserError, match="parts=gpu: needs a CUDA device; this run has device=cpu"):
        choose_parts(["volumes", "gpu"], cpu)
    assert set(choose_parts("all", cuda)) - set(choose_parts("all", cpu)) == {"gpu"}
    assert choose_parts(["gpu"], cuda) == ["gpu"]
