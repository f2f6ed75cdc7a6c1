"""Soft-argmax over enlarged scores: block by block beside the whole enlarged volume."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch

from benchmarks.compare import Case
from benchmarks.memory import load_modules
from dsmnet.stages.regression import FullSizeSoftArgmax


def cases(
    sizes: Sequence[Sequence[int]], stride: int, target: float, memory_target: float, device: str
) -> list[Case]:
    """Return two cases per size: forward alone, and forward and backward."""
    found = []
    for size in sizes:
        for backward in (False, True):
            setup = functools.partial(regress_once, tuple(size), stride, backward=backward, device=device)
            found.append(
                Case(
                    f"soft-argmax, {'x'.join(map(str, size))}, forward{' and backward' if backward else ''}",
                    functools.partial(setup, backend="scan"),
                    functools.partial(setup, backend="reference"),
                    against="enlarged volume",
                    target=target,
                    memory=True,
                    memory_target=memory_target,
                )
            )
    return found


def regress_once(
    size: tuple[int, ...], stride: int, *, backend: str, backward: bool, device: str
) -> Callable[[], object]:
    """Prepare scores; return what runs the regression."""
    scores = torch.randn(size, generator=torch.Generator().manual_seed(0))[:, None].to(device)
    scores.requires_grad_(backward)
    regression = FullSizeSoftArgmax(stride, inclusive=size[1] % 2 == 1, backend=backend)
    load_modules(regression(torch.zeros(1, 1, 3, 2, 2, device=device, requires_grad=True)))

    def run() -> None:
        scores.grad = None
        disparity = regression(scores)
        if backward:
            disparity.sum().backward()

    return run
