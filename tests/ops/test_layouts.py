"""Operators lay their results out in memory as they promise: compiled code relies on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

import dsmnet.ops.soft_argmax  # noqa: F401

OPERATORS = torch.ops.dsmnet
Operator = Callable[..., Any]


def check(operator: Operator, *arguments: Any) -> list[Tensor]:
    """Compare shapes and strides with what the operator states for a graph; return its results."""
    mode = FakeTensorMode()

    def fake(value: Any) -> Any:
        return mode.from_tensor(value) if isinstance(value, Tensor) else value

    found = operator(*arguments)
    with mode:
        stated = operator(*map(fake, arguments))
    both = [[each] if isinstance(each, Tensor) else list(each) for each in (found, stated)]
    for real, promised in zip(*both, strict=True):
        assert (real.shape, real.stride()) == (promised.shape, promised.stride()), str(operator)
    return both[0]


@pytest.mark.parametrize("reduce", ["max", "mean", "none"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
def test_sga(layout: torch.memory_format, reduce: str) -> None:
    cost = torch.rand(2, 3, 4, 5, 6).contiguous(memory_format=layout)
    weights = torch.rand(2, 4, 5, 5, 6)
    result, *kept = check(OPERATORS.sga_scan, cost, weights, reduce, True)
    check(OPERATORS.sga_scan_backward, torch.ones_like(result), cost, weights, *kept, reduce, True)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_sgf(layout: torch.memory_format) -> None:
    x, weights = torch.rand(2, 3, 5, 6).contiguous(memory_format=layout), torch.rand(2, 4, 5, 5, 6)
    results = check(OPERATORS.sgf_scan, x, weights)
    check(OPERATORS.sgf_scan_backward, torch.ones_like(results[0]), x, weights, *results)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_soft_argmax(layout: torch.memory_format) -> None:
    scores = torch.rand(2, 3, 5, 6).contiguous(memory_format=layout)
    results = check(OPERATORS.full_size_soft_argmax, scores, 4, 12)
    check(OPERATORS.full_size_soft_argmax_backward, torch.ones_like(results[0]), scores, *results, 4, 12)
