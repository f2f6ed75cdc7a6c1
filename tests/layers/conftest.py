"""Inputs for the tests of the layers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


@pytest.fixture(params=[1, 2, 3], ids=["1d", "2d", "3d"])
def ndim(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(params=["contiguous", "channels_last"])
def layout(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def sample() -> Callable[..., Tensor]:
    """A function that makes a random [B, C, ...] whose channels differ in mean and spread, as features do."""

    def make(
        *shape: int, dtype: torch.dtype = torch.float32, layout: str = "contiguous", seed: int = 0
    ) -> Tensor:
        rng = torch.Generator().manual_seed(seed)
        per_channel = (1, shape[1], *[1] * (len(shape) - 2))
        spread = torch.rand(per_channel, generator=rng, dtype=torch.float64) + 0.5
        mean = torch.randn(per_channel, generator=rng, dtype=torch.float64)
        x = (torch.randn(shape, generator=rng, dtype=torch.float64) * spread + mean).to(dtype)
        return x if layout == "contiguous" else x.contiguous(memory_format=LAST[x.ndim])

    return make


@pytest.fixture(scope="session")
def randomise() -> Callable[[nn.Module], nn.Module]:
    """A function that gives every parameter a value that is not its first one; gates inside (0, 1)."""

    def change(module: nn.Module) -> nn.Module:
        rng = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(torch.rand(parameter.shape, generator=rng) * 0.6 + 0.2)
        return module

    return change
