"""The fast paths of SGF as operators of torch: `torch.compile` and `torch.export` keep each as one node."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dsmnet.ops.backend import accumulation_type
from dsmnet.ops.sgf import wavefront

# The filtered map, and what came out of the first three passes, for the backward pass alone.
_Results = tuple[Tensor, Tensor, Tensor, Tensor]


def scan(x: Tensor, weights: Tensor) -> Tensor:
    """Filter x [N, C, H, W] with weights [N, 4, 5, H, W] by wavefronts."""
    wide = accumulation_type(x)
    filtered: Tensor = torch.ops.dsmnet.sgf_scan(x.to(wide), weights.to(wide))[0]
    return filtered.to(x.dtype)


def triton(x: Tensor, weights: Tensor) -> Tensor:
    """Filter x [N, C, H, W] with weights [N, 4, 5, H, W] by the Triton kernels."""
    wide = accumulation_type(x)
    filtered: Tensor = torch.ops.dsmnet.sgf_triton(x.to(wide), weights.to(wide))[0]
    return filtered.to(x.dtype)


@torch.library.custom_op("dsmnet::sgf_scan", mutates_args=())
def _scan(x: Tensor, weights: Tensor) -> _Results:
    return wavefront.run(x, weights)


@_scan.register_fake
def _(x: Tensor, weights: Tensor) -> _Results:
    n, c, h, w = x.shape
    down, up, right = (x.new_empty(n, h * w, c) for _ in range(3))
    return x.new_empty(x.shape), down, up, right


@torch.library.custom_op("dsmnet::sgf_scan_backward", mutates_args=())
def _scan_backward(
    grad: Tensor, x: Tensor, weights: Tensor, filtered: Tensor, down: Tensor, up: Tensor, right: Tensor
) -> tuple[Tensor, Tensor]:
    return wavefront.run_backward(grad, x, weights, (filtered, down, up, right))


@torch.library.custom_op("dsmnet::sgf_triton", mutates_args=())
def _triton(x: Tensor, weights: Tensor) -> _Results:
    from dsmnet.ops.sgf import fused  # Triton is not there on every system

    return fused.run(x, weights)


@_triton.register_fake
def _(x: Tensor, weights: Tensor) -> _Results:
    n, c, h, w = x.shape
    filtered, down, up = (x.new_empty(x.shape) for _ in range(3))
    return filtered, down, up, x.new_empty(n, c, w, h)


@torch.library.custom_op("dsmnet::sgf_triton_backward", mutates_args=())
def _triton_backward(
    grad: Tensor, x: Tensor, weights: Tensor, filtered: Tensor, down: Tensor, up: Tensor, right: Tensor
) -> tuple[Tensor, Tensor]:
    from dsmnet.ops.sgf import fused

    return fused.run_backward(grad, x, weights, (filtered, down, up, right))


@_scan_backward.register_fake
@_triton_backward.register_fake
def _(grad: Tensor, x: Tensor, weights: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), weights.new_empty(weights.shape)


def _keep(ctx: Any, inputs: tuple[Tensor, Tensor], output: _Results) -> None:
    ctx.save_for_backward(*inputs, *output)
    ctx.mark_non_differentiable(*output[1:])


def _scan_gradients(ctx: Any, grad: Tensor, *_: Tensor | None) -> Any:
    return torch.ops.dsmnet.sgf_scan_backward(grad, *ctx.saved_tensors)


def _triton_gradients(ctx: Any, grad: Tensor, *_: Tensor | None) -> Any:
    return torch.ops.dsmnet.sgf_triton_backward(grad, *ctx.saved_tensors)


_scan.register_autograd(_scan_gradients, setup_context=_keep)
_triton.register_autograd(_triton_gradients, setup_context=_keep)
