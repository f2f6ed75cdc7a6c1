"""Less memory for more time: stages of a network are computed again in the backward pass, not kept."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

from dsmnet.models.stereo_net import StereoNet


def recompute_stages(net: StereoNet) -> None:
    """Let each stage of a network (features, volume, aggregation, ...) keep its inputs alone for gradients.

    Names of tensors, results and gradients stay the same: random numbers are drawn alike again, and running
    statistics are not moved twice.
    """
    for stage in net.children():
        if stage is not net.normalize:  # it runs before `match`
            stage.forward = functools.partial(_forward, stage, stage.forward)


def _forward(stage: nn.Module, forward: Any, *inputs: Any) -> Any:
    if not stage.training:
        return forward(*inputs)

    def contexts() -> tuple[Any, Any]:
        return contextlib.nullcontext(), _buffers_kept(stage)

    return checkpoint(forward, *inputs, use_reentrant=False, context_fn=contexts)


@contextlib.contextmanager
def _buffers_kept(stage: nn.Module) -> Iterator[None]:
    """Undo what a forward pass does to buffers, such as the statistics of batch norm."""
    kept = [(buffer, buffer.clone()) for buffer in stage.buffers()]
    try:
        yield
    finally:
        for buffer, value in kept:
            buffer.data.copy_(value)  # autograd need not know: no gradient depends on it
