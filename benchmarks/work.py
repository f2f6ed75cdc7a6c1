"""Size and work of a network: parameters and multiply-adds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count


def parameters(matcher: object) -> int | None:
    """Return the number of parameters; None for what is no network of torch."""
    return sum(p.numel() for p in matcher.parameters()) if isinstance(matcher, nn.Module) else None


def multiply_adds(run: Callable[[], object]) -> float | None:
    """Return the multiply-adds of all convolutions and matrix products of one run; None where there are none.

    Products entry by entry, such as those of correlations, norms and recurrences, do not count.
    """
    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.mkldnn_convolution: _convolution})
    with counter:
        run()
    return counter.get_total_flops() / 2 or None


def _convolution(x: Any, weight: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    return conv_flop_count(x, weight, out_shape, transposed=False)
