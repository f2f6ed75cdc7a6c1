"""Best rates of the machine, measured in the same run, to hold achieved rates against."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

_COPIED = 2**24  # numbers: beyond every cache
_EDGE = 1024  # of the matrices


@dataclass(frozen=True)
class Machine:
    """Rates of a copy in memory (read and written bytes) and of a float32 matrix product."""

    gbytes: float
    gflops: float

    def __str__(self) -> str:
        return f"copy {self.gbytes:.1f} GB/s, float32 matrix product {self.gflops:.0f} GFLOP/s"


def measure_machine(device: torch.device) -> Machine:
    """Time a copy and a matrix product on the threads that torch uses."""
    source = torch.ones(_COPIED, device=device)
    target = torch.empty_like(source)
    a = torch.ones(_EDGE, _EDGE, device=device)
    out = torch.empty_like(a)
    on_gpu = device.type == "cuda"
    copying = _seconds(lambda: target.copy_(source), on_gpu)
    multiplying = _seconds(lambda: torch.mm(a, a, out=out), on_gpu)
    return Machine(2 * source.nbytes / copying / 1e9, 2 * _EDGE**3 / multiplying / 1e9)


def timed_run(run: Callable[[], object], on_gpu: bool) -> float:
    """Run once; return the seconds, those of a GPU included."""
    start = time.perf_counter()
    run()
    if on_gpu:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _seconds(run: Callable[[], object], on_gpu: bool) -> float:
    return statistics.median([timed_run(run, on_gpu) for _ in range(8)][1:])
