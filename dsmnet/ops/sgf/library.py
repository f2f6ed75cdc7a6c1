"""The fast paths of SGF as operators of torch: `torch.compile` and `torch.export` keep them as one node."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dsmnet.ops.backend import widest
from dsmnet.ops.sgf import wavefront

_Five = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
_Four = tuple[Tensor, Tensor, Tensor, Tensor]


def scan(x: Tensor, weights: Tensor) -> Tensor:
    """Filter x [N, C, H, W] with weights [N, 4, 5, H, W] by wavefronts."""
    wide = widest(x)
    results = torch.ops.dsmnet.sgf_scan(x.to(wide), weights.to(wide))
    return wavefront.to_map(results[-1], *x.shape[-2:]).to(x.dtype)


def triton(x: Tensor, weights: Tensor) -> Tensor:
    """Filter x [N, C, H, W] with weights [N, 4, 5, H, W] by the Triton kernels."""
    left: Tensor = torch.ops.dsmnet.sgf_triton(x.contiguous(), weights.contiguous())[-1]
    return left.transpose(2, 3)


@torch.library.custom_op("dsmnet::sgf_scan", mutates_args=())
def _scan(x: Tensor, weights: Tensor) -> _Five:
    return wavefront.filter_rows(x, weights)


@_scan.register_fake
def _(x: Tensor, weights: Tensor) -> _Five:
    n, c, h, w = x.shape
    start, down, up, right, left = (x.new_empty(n, h * w, c) for _ in range(5))
    return start, down, up, right, left


@torch.library.custom_op("dsmnet::sgf_scan_backward", mutates_args=())
def _scan_backward(
    grad: Tensor, weights: Tensor, start: Tensor, down: Tensor, up: Tensor, right: Tensor, left: Tensor
) -> tuple[Tensor, Tensor]:
    return wavefront.backward(grad, weights, (start, down, up, right, left))


@_scan_backward.register_fake
def _(grad: Tensor, weights: Tensor, start: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
    n, c = start.shape[0], start.shape[2]
    return start.new_empty(n, c, *weights.shape[-2:]), torch.empty_like(weights)


def _keep_rows(ctx: Any, inputs: tuple[Tensor, Tensor], output: _Five) -> None:
    ctx.save_for_backward(inputs[1], *output)


def _rows_backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor, Tensor]:
    weights, *results = ctx.saved_tensors
    # Only the last result leaves this file; the others are there for this function.
    return torch.ops.dsmnet.sgf_scan_backward(grads[-1], weights, *results)


_scan.register_autograd(_rows_backward, setup_context=_keep_rows)


@torch.library.custom_op("dsmnet::sgf_triton", mutates_args=())
def _triton(x: Tensor, weights: Tensor) -> _Four:
    from dsmnet.ops.sgf.fused import run_pass  # Triton is there on Linux alone

    down = run_pass(x, weights[:, 0].contiguous(), up=False)
    up = run_pass(down, weights[:, 1].contiguous(), up=True)
    across = weights[:, 2:].transpose(3, 4)
    right = run_pass(up.transpose(2, 3).contiguous(), across[:, 0].contiguous(), up=False)
    return down, up, right, run_pass(right, across[:, 1].contiguous(), up=True)


@_triton.register_fake
def _(x: Tensor, weights: Tensor) -> _Four:
    n, c, h, w = x.shape
    down, up, right, left = (x.new_empty(n, c, *size) for size in ((h, w), (h, w), (w, h), (w, h)))
    return down, up, right, left


@torch.library.custom_op("dsmnet::sgf_triton_backward", mutates_args=())
def _triton_backward(
    grad: Tensor, x: Tensor, weights: Tensor, down: Tensor, up: Tensor, right: Tensor, left: Tensor
) -> tuple[Tensor, Tensor]:
    from dsmnet.ops.sgf.fused import run_pass_backward

    w = [weights[:, k].contiguous() for k in range(2)]
    w += [weights[:, k].transpose(2, 3).contiguous() for k in range(2, 4)]
    g, grad_left = run_pass_backward(grad.contiguous(), right, left, w[3], up=True)
    g, grad_right = run_pass_backward(g, up.transpose(2, 3).contiguous(), right, w[2], up=False)
    g, grad_up = run_pass_backward(g.transpose(2, 3).contiguous(), down, up, w[1], up=True)
    g, grad_down = run_pass_backward(g, x, down, w[0], up=False)
    grads = [grad_down, grad_up, grad_right.transpose(2, 3), grad_left.transpose(2, 3)]
    return g, torch.stack(grads, 1)


@_triton_backward.register_fake
def _(grad: Tensor, x: Tensor, weights: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(x), torch.empty_like(weights)


def _keep_maps(ctx: Any, inputs: tuple[Tensor, Tensor], output: _Four) -> None:
    ctx.save_for_backward(*inputs, *output)


def _maps_backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor, Tensor]:
    return torch.ops.dsmnet.sgf_triton_backward(grads[-1], *ctx.saved_tensors)


_triton.register_autograd(_maps_backward, setup_context=_keep_maps)
