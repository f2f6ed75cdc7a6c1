"""How the gates of batch-instance normalisation are trained (Nam and Kim, NeurIPS 2018, section 3).

Gates are found by the type of their module: a mark on the parameter itself would not survive a copy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from dsmnet.errors import UserError
from dsmnet.layers import BatchInstanceNorm


def gated_norms(net: nn.Module) -> Iterator[tuple[str, BatchInstanceNorm]]:
    """Yield the batch-instance norms of a network with their names."""
    for name, module in net.named_modules():
        if isinstance(module, BatchInstanceNorm):
            yield name, module


def make_optimizer(
    build: Callable[..., torch.optim.Optimizer], net: nn.Module, gate_lr: float = 10.0
) -> torch.optim.Optimizer:
    """Build an optimiser that treats gates as the paper does.

    They form a group of their own, with `gate_lr` times the learning rate and without weight decay, and are
    clipped to [0, 1] after each step that the optimiser really makes: gradients that accumulate and steps
    that mixed precision skips change nothing. A network without gates gets the plain optimiser.

    Raises:
        UserError: `gate_lr` is negative or not finite, or the optimiser refuses its options.
    """
    if not 0 <= gate_lr < math.inf:
        raise UserError(f"gate_lr={gate_lr}: expected a factor of at least 0")
    try:
        optimizer = _build(build, net, gate_lr)
    except Exception as error:  # of torch's optimisers, on numbers and lists that they do not take
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"optimizer: {reason}") from None
    for name, value in optimizer.defaults.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"optimizer.{name}={value}: expected a finite number")
    return optimizer


def _build(
    build: Callable[..., torch.optim.Optimizer], net: nn.Module, gate_lr: float
) -> torch.optim.Optimizer:
    norms = [norm for _, norm in gated_norms(net)]
    if not norms:
        return build(net.parameters())
    gates = [norm.gate for norm in norms]
    known = {id(gate) for gate in gates}
    others = [parameter for parameter in net.parameters() if id(parameter) not in known]
    optimizer = build([{"params": others}, {"params": gates, "weight_decay": 0.0}])
    optimizer.param_groups[1]["lr"] *= gate_lr

    def clip(*_: Any) -> None:
        for norm in norms:
            norm.clip_gate()

    optimizer.register_step_post_hook(clip)
    return optimizer
