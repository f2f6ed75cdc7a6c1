"""The fast paths of SGA as operators of torch: `torch.compile` and `torch.export` keep each as one node."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dsmnet.ops.backend import widest
from dsmnet.ops.sga import scan as rows
from dsmnet.ops.sga.layout import to_volume

_Four = tuple[Tensor, Tensor, Tensor, Tensor]


def scan(cost: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
    """Return (down, up, right, left), computed row by row in torch."""
    wide = widest(cost)
    return tuple(y.to(cost.dtype) for y in torch.ops.dsmnet.sga_scan(cost.to(wide), weights.to(wide)))


def triton(cost: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
    """Return (down, up, right, left), computed by the Triton kernels."""
    wide = widest(cost)
    return tuple(y.to(cost.dtype) for y in torch.ops.dsmnet.sga_triton(cost.to(wide), weights.to(wide)))


@torch.library.custom_op("dsmnet::sga_scan", mutates_args=())
def _scan(cost: Tensor, weights: Tensor) -> _Four:
    return rows.run(cost, weights)


@torch.library.custom_op("dsmnet::sga_scan_backward", mutates_args=())
def _scan_backward(
    grads: list[Tensor], cost: Tensor, weights: Tensor, results: list[Tensor]
) -> tuple[Tensor, Tensor]:
    return rows.run_backward(_four(grads), cost, weights, _four(results))


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
def _(cost: Tensor, weights: Tensor) -> _Four:
    n, c, d, h, w = cost.shape
    down, up = (to_volume(cost.new_empty(h, n, c, d, w), "vertical") for _ in range(2))
    right, left = (to_volume(cost.new_empty(w, n, c, d, h), "horizontal") for _ in range(2))
    return down, up, right, left


@_triton.register_fake
def _(cost: Tensor, weights: Tensor) -> _Four:
    down, up, right, left = (cost.new_empty(cost.shape) for _ in range(4))
    return down, up, right, left


@_scan_backward.register_fake
@_triton_backward.register_fake
def _(grads: list[Tensor], cost: Tensor, weights: Tensor, results: list[Tensor]) -> tuple[Tensor, Tensor]:
    return cost.new_empty(cost.shape), weights.new_empty(weights.shape)


def _four(tensors: list[Tensor]) -> _Four:
    down, up, right, left = tensors
    return down, up, right, left


def _keep(ctx: Any, inputs: tuple[Tensor, Tensor], output: _Four) -> None:
    ctx.save_for_backward(*inputs, *output)


def _scan_gradients(ctx: Any, *grads: Tensor) -> Any:
    cost, weights, *results = ctx.saved_tensors
    return torch.ops.dsmnet.sga_scan_backward(list(grads), cost, weights, results)


def _triton_gradients(ctx: Any, *grads: Tensor) -> Any:
    cost, weights, *results = ctx.saved_tensors
    return torch.ops.dsmnet.sga_triton_backward(list(grads), cost, weights, results)


_scan.register_autograd(_scan_gradients, setup_context=_keep)
_triton.register_autograd(_triton_gradients, setup_context=_keep)
