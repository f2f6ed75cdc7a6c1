"""Time and memory of a network, measured in a process of its own."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from benchmarks.machine import timed_run
from benchmarks.memory import in_own_process, peak, reset_peak
from dsmnet.errors import UserError
from dsmnet.inference.predictor import StereoPredictor
from dsmnet.ops.backend import choose_backend


@dataclass(frozen=True)
class Measurement:
    """One network on one size with one backend.

    `seconds` is the median of the timed passes. `memory` is the most that the process held beyond what it
    held before the first pass, in MiB: of the device where there is one, else resident memory.
    """

    backend: str
    seconds: float
    slowest: float
    memory: float
    parameters: int

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of benchmark.json."""
        return asdict(self)


def measure(
    build: Callable[[], StereoPredictor],
    size: tuple[int, int],
    *,
    backend: str,
    max_disparity: int,
    device: str = "cpu",
    train: bool = False,
    repeats: int = 3,
    threads: int | None = None,
) -> Measurement:
    """Measure in a fresh process, whose peak of memory is that of this network alone.

    Args:
        build: Function that builds the network; importable from anywhere.
        size: Height and width of the views.
        backend: Backend of the graph filters.
        max_disparity: Search range in pixels.
        device: ``cpu`` or ``cuda``.
        train: Whether to run forward and backward, else `StereoPredictor.predict`.
        repeats: Timed passes.
        threads: Threads of the CPU's kernels.

    Raises:
        UserError: An option is impossible, or the process failed; the message is the reason.
    """
    choose_backend(backend, torch.device(device))
    if repeats < 1 or min(size) < 1:
        raise UserError(f"repeats={repeats}, size={list(size)}: expected positive numbers")
    arguments = (build, size, backend, max_disparity, device, train, repeats, threads)
    return in_own_process(_measure_here, *arguments, what=f"size={list(size)}, backend={backend}")


def describe(device: torch.device, threads: int | None) -> dict[str, Any]:
    """Return the processor, the instructions and threads of the CPU's kernels, and the release of torch."""
    return {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else platform.machine() + " CPU",
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": threads or torch.get_num_threads(),
        "torch": torch.__version__,
    }


def markdown(record: dict[str, Any], results: list[Measurement]) -> str:
    """Return the table of `results`, measured as `record` says."""
    if not results:
        return ""
    height, width = record["size"]
    kind = "forward and backward" if record["train"] else "whole prediction"
    lines = [
        f"{record['model']}, norm {record['norm']}, {results[0].parameters / 1e6:.2f} M parameters: {kind} "
        f"of {height}x{width}, {record['max_disparity']} disparities, {record['device']}, "
        f"{record['threads']} threads, torch {record['torch']}",
        "",
        "| graph filters | seconds | slowest | peak memory MiB |",
        "| :-- | --: | --: | --: |",
    ]
    lines += [f"| {r.backend} | {r.seconds:.3f} | {r.slowest:.3f} | {r.memory:.0f} |" for r in results]
    return "\n".join([*lines, ""])


def _measure_here(
    build: Callable[[], StereoPredictor],
    size: tuple[int, int],
    backend: str,
    max_disparity: int,
    device: str,
    train: bool,
    repeats: int,
    threads: int | None,
) -> Measurement:
    os.environ["DSMNET_BACKEND"] = backend
    if threads:
        torch.set_num_threads(threads)
    predictor = build().to(device)
    on_gpu = predictor.device.type == "cuda"
    views = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    step = (_training_step if train else _matching)(predictor, views, max_disparity)
    reset_peak(on_gpu)
    before = peak(on_gpu)
    timed_run(step, on_gpu)
    seconds = [timed_run(step, on_gpu) for _ in range(repeats)]
    memory = round(peak(on_gpu) - before, 1)
    parameters = sum(parameter.numel() for parameter in predictor.parameters())
    return Measurement(
        backend, round(statistics.median(seconds), 4), round(max(seconds), 4), memory, parameters
    )


def _matching(predictor: StereoPredictor, views: torch.Tensor, max_disparity: int) -> Callable[[], object]:
    predictor.eval()
    return lambda: predictor.predict(views[0], views[1], max_disparity)


def _training_step(
    predictor: StereoPredictor, views: torch.Tensor, max_disparity: int
) -> Callable[[], object]:
    net = predictor.net.train()
    left, right = net.normalize(views.to(predictor.device)).split(1)

    def step() -> None:
        net.zero_grad()
        sum((d.float().mean() for d in net(left, right, max_disparity)), torch.zeros(())).backward()

    return step
