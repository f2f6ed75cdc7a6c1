"""Functions with a hand-written gradient as operators of torch: a captured graph keeps each as one node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def register(
    name: str,
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    fake: Callable[..., Any],
    fake_backward: Callable[..., Any] | None = None,
    *,
    tensors: int = 2,
    differentiable: int = 1,
    saves_them: bool = True,
) -> Callable[..., Any]:
    """Return ``torch.ops.dsmnet.<name>``; its gradient is registered as ``<name>_backward``.

    Args:
        name: Name of the operator.
        forward: Function of tensors, then options, that returns one or several tensors.
        backward: Function of the gradients of the differentiable results, the tensors, the saved results and
            the options, that returns the gradients of the tensors.
        fake: `forward` for shapes and strides alone.
        fake_backward: The same of `backward`; default: gradients are contiguous.
        tensors: Number of arguments of `forward` that are tensors.
        differentiable: Number of results, from the first on, that have a gradient; the others are for
            `backward` alone.
        saves_them: The differentiable results are saved for `backward` too.
    """
    operator = torch.library.custom_op(f"dsmnet::{name}", forward, mutates_args=())
    gradient = torch.library.custom_op(f"dsmnet::{name}_backward", backward, mutates_args=())

    def fake_gradient(*arguments: Any) -> Any:
        found = tuple(x.new_empty(x.shape) for x in arguments[differentiable:][:tensors])
        return found if tensors > 1 else found[0]

    def keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        results = (output,) if isinstance(output, Tensor) else output
        ctx.options = inputs[tensors:]
        ctx.save_for_backward(*inputs[:tensors], *results[0 if saves_them else differentiable :])
        ctx.mark_non_differentiable(*results[differentiable:])

    def differentiate(ctx: Any, *grads: Tensor) -> Any:
        found = gradient(*grads[:differentiable], *ctx.saved_tensors, *ctx.options)
        return *(found if tensors > 1 else (found,)), *(None for _ in ctx.options)

    operator.register_fake(fake)
    gradient.register_fake(fake_backward or fake_gradient)
    operator.register_autograd(differentiate, setup_context=keep)
    return operator
