"""SGF and SGA, forward and backward: the fast backend of the device beside plain autograd."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from math import prod

import torch
from torch import Tensor

from benchmarks.compare import Case
from benchmarks.memory import load_modules
from dsmnet.ops import sga, sgf
from dsmnet.ops.backend import choose_backend

_FILTERS: dict[str, Callable[[Tensor, Tensor, str], Tensor]] = {"sgf": sgf, "sga": sga}


def cases(
    sgf_sizes: Sequence[Sequence[int]], sga_sizes: Sequence[Sequence[int]], target: float, device: str
) -> list[Case]:
    """Return a case per size."""
    fast = choose_backend("auto", torch.device(device))
    found = []
    for name, sizes in (("sgf", sgf_sizes), ("sga", sga_sizes)):
        for size in sizes:
            setup = functools.partial(filter_once, name, tuple(size), device=device)
            found.append(
                Case(
                    f"{name} {fast}, {'x'.join(map(str, size))}, forward and backward",
                    functools.partial(setup, backend=fast),
                    functools.partial(setup, backend="reference"),
                    against="autograd",
                    target=target,
                    memory=True,
                    memory_target=1,
                    # forward: x and weights in, result out; backward: those and a gradient in, two out
                    bytes=4 * (5 * prod(size) + 3 * 20 * size[0] * prod(size[-2:])),
                )
            )
    return found


def filter_once(
    name: str, size: tuple[int, ...], *, backend: str, device: str, backward: bool = True
) -> Callable[[], object]:
    """Prepare one filter; return what runs it forward, and backward if asked for."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(size, generator=generator).to(device).requires_grad_()
    weights = torch.randn(size[0], 4, 5, *size[-2:], generator=generator).softmax(2)
    weights = weights.to(device).requires_grad_()

    little = torch.zeros((1,) * len(size), device=device, requires_grad=True)
    load_modules(_FILTERS[name](little, torch.ones(1, 4, 5, 1, 1, device=device), backend))

    def run() -> None:
        x.grad = weights.grad = None
        with torch.set_grad_enabled(backward):
            filtered = _FILTERS[name](x, weights, backend)
            if backward:
                filtered.square().sum().backward()

    return run
