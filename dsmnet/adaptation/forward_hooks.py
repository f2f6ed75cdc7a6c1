"""Forward hooks on several modules of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def forward_hooks(
    modules: Mapping[str, nn.Module], see: Callable[[str, Tensor, Tensor], None]
) -> Iterator[None]:
    """Within, call ``see(name, input, output)`` for each of the modules that runs."""

    def hook(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        return lambda _, inputs, output: see(name, inputs[0], output)

    handles = [module.register_forward_hook(hook(name)) for name, module in modules.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
