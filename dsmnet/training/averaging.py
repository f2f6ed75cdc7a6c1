"""The moving average of the weights that is validated and saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor

from dsmnet.errors import UserError
from dsmnet.options import check_share


def weight_averaging(decay: float) -> WeightAveraging | None:
    """Return the callback that averages the weights with `moving_averages`, `None` for a decay of 0.

    Raises:
        UserError: The decay is no number from 0 up to, not including, 1.
    """
    if check_share("callbacks.ema.decay", decay) == 1:
        raise UserError(f"callbacks.ema.decay={decay}: expected a number of at least 0 and below 1")
    return WeightAveraging(multi_avg_fn=moving_averages(decay)) if decay else None


def moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Return an exponential moving average whose memory grows with the run, up to `decay` per step.

    With the full decay from the start, the average of a short run would consist of its first, untrained
    weights.
    """

    def average(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        share = _share(decay, count)
        return averaged * share + current * (1 - share)

    return average


def moving_averages(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """Return `moving_average` of many tensors of one type at once, in place, with the same rounding."""
    one = moving_average(decay)

    @torch.no_grad()
    def average(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor | int) -> None:
        if not averaged[0].is_floating_point():  # counters of batch norm
            for old, new in zip(averaged, current, strict=True):
                old.copy_(one(old, new, count))
            return
        share = _share(decay, count).to(averaged[0])
        new_parts = torch._foreach_mul(list(current), 1 - share)
        torch._foreach_mul_(list(averaged), share)
        torch._foreach_add_(list(averaged), new_parts)

    return average


def _share(decay: float, count: Tensor | int) -> Tensor:
    """Return the share of the old average, on the device of `count`: reading it would wait for the device."""
    done = torch.as_tensor(count)
    return ((1 + done) / (10 + done)).clamp(max=decay)
