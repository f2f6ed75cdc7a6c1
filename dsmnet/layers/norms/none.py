"""No normalisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dsmnet.layers.norms.checks import check_ndim


class ChannelBias(nn.Module):
    """Add a learned constant per channel, and nothing else.

    The convolutions before a norm have no bias, as a norm has its own; without a norm this stands in for it.
    """

    def __init__(self, num_features: int, *, ndim: int = 2) -> None:
        super().__init__()
        check_ndim(ndim)
        self.bias = nn.Parameter(torch.zeros(num_features))

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` shifted, same shape."""
        return x + self.bias.to(x.dtype).view(1, -1, *[1] * (x.ndim - 2))
