"""The fast paths of SGA as operators of torch: `torch.compile` and `torch.export` keep each as one node."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dsmnet.ops.backend import accumulation_type
from dsmnet.ops.sga import scan as rows

_Four = tuple[Tensor, Tensor, Tensor, Tensor]


def scan(cost: Tensor, weights: Tensor, reduce: str) -> Tensor:
    """Return the volume reduced over the directions, or all four stacked in front; row by row in torch."""
    wide = accumulation_type(cost)
    keep = torch.is_grad_enabled() and (cost.requires_grad or weights.requires_grad)
    result: Tensor = torch.ops.dsmnet.sga_scan(cost.to(wide), weights.to(wide), reduce, keep)[0]
    return result.to(cost.dtype)


def triton(cost: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
    """Return (down, up, right, left), computed by the Triton kernels."""
    wide = accumulation_type(cost)
    return tuple(y.to(cost.dtype) for y in torch.ops.dsmnet.sga_triton(cost.to(wide), weights.to(wide)))


@torch.library.custom_op("dsmnet::sga_scan", mutates_args=())
def _scan(cost: Tensor, weights: Tensor, reduce: str, keep: bool) -> _Four:
    return rows.run(cost, weights, reduce, keep)


@torch.library.custom_op("dsmnet::sga_scan_backward", mutates_args=())
def _scan_backward(
    grad: Tensor, cost: Tensor, weights: Tensor, reduce: str, which: Tensor, kept: list[Tensor]
) -> tuple[Tensor, Tensor]:
    return rows.run_backward(grad, cost, weights, reduce, which, kept)


@torch.library.custom_op("dsmnet::sga_triton", mutates_args=())
def _triton(cost: Tensor, weights: Tensor) -> _Four:
    from dsmnet.ops.sga import fused  # Triton is not there on every system

    return fused.run(cost, weights)


@torch.library.custom_op("dsmnet::sga_triton_backward", mutates_args=())
def _triton_backward(
    grads: list[Tensor], cost: Tensor, weights: Tensor, results: list[Tensor]
) -> tuple[Tensor, Tensor]:
    from dsmnet.ops.sga import fused

    return fused.run_backward(_four(grads), cost, weights, _four(results))


@_scan.register_fake
def _(cost: Tensor, weights: Tensor, reduce: str, keep: bool) -> _Four:
    n, c, d, h, w = cost.shape
    result = cost.new_empty((4, *cost.shape) if reduce == "none" else cost.shape)
    which = cost.new_empty(cost.shape if keep and reduce == "max" else 0, dtype=torch.int8)
    vertical, horizontal = (
        cost.new_empty((2, t, n, c, d + 2, p) if keep else 0) for t, p in ((h, w), (w, h))
    )
    return result, which, vertical, horizontal


@_triton.register_fake
def _(cost: Tensor, weights: Tensor) -> _Four:
    down, up, right, left = (cost.new_empty(cost.shape) for _ in range(4))
    return down, up, right, left


@_scan_backward.register_fake
def _(
    grad: Tensor, cost: Tensor, weights: Tensor, reduce: str, which: Tensor, kept: list[Tensor]
) -> tuple[Tensor, Tensor]:
    return cost.new_empty(cost.shape), weights.new_empty(weights.shape)


@_triton_backward.register_fake
def _(grads: list[Tensor], cost: Tensor, weights: Tensor, results: list[Tensor]) -> tuple[Tensor, Tensor]:
    return cost.new_empty(cost.shape), weights.new_empty(weights.shape)


def _four(tensors: list[Tensor]) -> _Four:
    down, up, right, left = tensors
    return down, up, right, left


def _keep_rows(ctx: Any, inputs: tuple[Tensor, Tensor, str, bool], output: _Four) -> None:
    cost, weights, ctx.reduce, _ = inputs
    ctx.mark_non_differentiable(*output[1:])
    ctx.save_for_backward(cost, weights, *output[1:])


def _scan_gradients(ctx: Any, grad: Tensor, *_: Tensor) -> Any:
    cost, weights, which, *kept = ctx.saved_tensors
    of = torch.ops.dsmnet.sga_scan_backward(grad, cost, weights, ctx.reduce, which, kept)
    return *of, None, None


def _keep_results(ctx: Any, inputs: tuple[Tensor, Tensor], output: _Four) -> None:
    ctx.save_for_backward(*inputs, *output)


def _triton_gradients(ctx: Any, *grads: Tensor) -> Any:
    cost, weights, *results = ctx.saved_tensors
    return torch.ops.dsmnet.sga_triton_backward(list(grads), cost, weights, results)


_scan.register_autograd(_scan_gradients, setup_context=_keep_rows)
_triton.register_autograd(_triton_gradients, setup_context=_keep_results)
