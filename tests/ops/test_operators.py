"""The fast graph filters as operators of torch: their registration, compilation and export."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from dsmnet.ops import sga, sgf

CASES = [("sgf", sgf, (2, 3, 5, 7)), ("sga", sga, (2, 2, 3, 4, 5))]
Filter = Callable[[Tensor, Tensor, str], Tensor]


def inputs(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    weights = torch.randn(shape[0], 4, 5, *shape[-2:], generator=generator, dtype=torch.float64) * 0.4
    return x.to(dtype).requires_grad_(), weights.to(dtype).requires_grad_()


class Filtered(nn.Module):
    def __init__(self, function: Filter, backend: str) -> None:
        super().__init__()
        self.function, self.backend = function, backend

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        return self.function(x, weights, self.backend) * 2


@pytest.mark.parametrize(("name", "function", "shape"), CASES)
def test_registration(name: str, function: Filter, shape: tuple[int, ...]) -> None:
    operator = getattr(torch.ops.dsmnet, f"{name}_scan").default
    checks = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_static")
    for options in [()] if name == "sgf" else [("max", True), ("mean", True), ("none", True)]:
        torch.library.opcheck(operator, (*inputs(shape), *options), test_utils=checks)


@pytest.mark.parametrize(("name", "function", "shape"), CASES)
def test_compiled_without_a_break(name: str, function: Filter, shape: tuple[int, ...]) -> None:
    x, weights = inputs(shape)
    compiled = torch.compile(Filtered(function, "scan"), fullgraph=True, backend="aot_eager")
    found, expected = compiled(x, weights), 2 * function(x, weights, "reference")
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(y.square().sum(), (x, weights)) for y in (found, expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize(("name", "function", "shape"), CASES)
@pytest.mark.parametrize("backend", ["scan", "reference"])
def test_export(name: str, function: Filter, shape: tuple[int, ...], backend: str) -> None:
    """One node of the fast path; ONNX knows no such node, so the reference is exported as plain operators."""
    x, weights = (t.detach() for t in inputs(shape))
    program = torch.export.export(Filtered(function, backend), (x, weights))
    own = [str(node.target) for node in program.graph.nodes if str(node.target).startswith("dsmnet.")]
    assert own == ([f"dsmnet.{name}_scan.default"] if backend == "scan" else [])
    torch.testing.assert_close(program.module()(x, weights), 2 * function(x, weights, "reference"))


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.bfloat16, 0.01)])
@pytest.mark.parametrize(("name", "function", "shape"), CASES)
def test_lower_precisions_and_other_strides(
    name: str, function: Filter, shape: tuple[int, ...], dtype: torch.dtype, bound: float
) -> None:
    x, weights = inputs(shape, dtype)
    expected = function(x.double(), weights.double(), "reference")
    last = x.movedim(1, -1).contiguous().movedim(-1, 1)
    found = function(last, weights.transpose(3, 4).contiguous().transpose(3, 4), "scan")
    assert found.dtype == dtype
    assert (found.double() - expected).abs().max() < bound * (1 + expected.abs().max())
