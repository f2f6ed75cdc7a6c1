"""Inputs for the tests of the layers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


# Numbers of spatial dimensions and memory formats; a sequence has no channels_last.
FORMS = (
    (1, "contiguous"),
    (2, "contiguous"),
    (2, "channels_last"),
    (3, "contiguous"),
    (3, "channels_last"),
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for `ndim`, `layout` or both, also through a fixture, for all of them that there are."""
    wanted = [at for at, name in enumerate(("ndim", "layout")) if name in metafunc.fixturenames]
    if wanted:
        forms = dict.fromkeys(tuple(form[at] for at in wanted) for form in FORMS)
        ids = [
            "-".join(f"{value}d" if value in (1, 2, 3) else str(value) for value in form) for form in forms
        ]
        metafunc.parametrize([("ndim", "layout")[at] for at in wanted], list(forms), ids=ids)


@pytest.fixture
def space(ndim: int) -> tuple[int, ...]:
    """A size that differs in each of the dimensions."""
    return (3, 5, 7)[-ndim:]


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


@pytest.fixture(scope="session")
def gradcheck() -> Callable[[nn.Module, Tensor], bool]:
    """A function that compares the gradients of the input and the parameters with differences."""

    def check(norm: nn.Module, x: Tensor) -> bool:
        norm = norm.double()
        names = [key for key, _ in norm.named_parameters()]

        def call(value: Tensor, *parameters: Tensor) -> Tensor:
            return torch.func.functional_call(norm, dict(zip(names, parameters, strict=True)), (value,))

        parameters = [p.detach().clone().requires_grad_() for p in norm.parameters()]
        return torch.autograd.gradcheck(call, (x.clone().requires_grad_(), *parameters))

    return check
