"""Group-wise correlation in one operator beside the one plane by plane."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch

from benchmarks.compare import Case
from benchmarks.memory import load_modules
from benchmarks.step import with_backend
from dsmnet.stages.volumes import GroupwiseVolume


def cases(
    sizes: Sequence[Sequence[int]],
    groups: int,
    cosine: bool,
    target: float,
    memory_target: float,
    device: str,
) -> list[Case]:
    """Return two cases per size: forward alone, and forward and backward."""
    found = []
    for size in sizes:
        for backward in (False, True):
            n, channels, planes, h, w = size
            setup = functools.partial(
                correlate_once, tuple(size), groups, cosine=cosine, backward=backward, device=device
            )
            found.append(
                Case(
                    f"correlation, {'x'.join(map(str, size))}, forward" + " and backward" * backward,
                    functools.partial(setup, backend="auto"),
                    functools.partial(setup, backend="reference"),
                    against="plane by plane",
                    target=target,
                    memory=True,
                    memory_target=memory_target,
                    operations=2 * n * channels * planes * h * w * (3 if backward else 1),
                    # forward: maps are read, the volume is written; backward: both are read, maps written
                    bytes=4 * n * h * w * (2 * channels + groups * planes) * (1 + backward)
                    + 8 * n * h * w * channels * backward,
                )
            )
    return found


def correlate_once(
    size: tuple[int, ...], groups: int, *, cosine: bool, backend: str, backward: bool, device: str
) -> Callable[[], object]:
    """Prepare two maps; return what makes the volume of them."""
    n, channels, planes, h, w = size
    pair = torch.randn(2, n, channels, h, w, generator=torch.Generator().manual_seed(0)).to(device)
    left, right = (x.contiguous(memory_format=torch.channels_last).requires_grad_(backward) for x in pair)
    correlation = GroupwiseVolume(channels, groups, cosine)
    little = left.detach()[:1, :, :1, :2].requires_grad_()
    load_modules(correlation(little, little, 1))

    def run() -> None:
        left.grad = right.grad = None
        with torch.set_grad_enabled(backward):
            volume = correlation(left, right, planes)
            if backward:
                volume.backward(volume.detach())

    return functools.partial(with_backend, backend, run)
