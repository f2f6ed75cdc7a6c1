"""The half-and-half layer of IBN-Net (Pan et al., ECCV 2018, figure 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dsmnet.layers.norms.batchnorm import batch_norm
from dsmnet.layers.norms.checks import check_ndim
from dsmnet.layers.norms.instance import InstanceNorm
from dsmnet.ops.backend import memory_format


class IBN(nn.Module):
    """Instance norm on the first channels, which lose appearance, and batch norm on the rest, which keep it.

    The first ones are a part of `ratio`, 0 to 1, rounded down to whole channels.
    """

    def __init__(
        self,
        num_features: int,
        *,
        ndim: int = 2,
        ratio: float = 0.5,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        check_ndim(ndim)
        if not 0 <= ratio <= 1:
            raise ValueError(f"ratio: expected a number from 0 to 1, got {ratio}")
        first = int(num_features * ratio + 1e-6)  # 100 * 0.29 is a little less than 29
        rest = num_features - first
        self.split = [first, rest]
        self.instance = InstanceNorm(first, ndim=ndim, eps=eps) if first else None
        self.batch = batch_norm(rest, ndim=ndim, eps=eps, momentum=momentum) if rest else None

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` normalised, same shape."""
        layout = memory_format(x)
        first, rest = (part.contiguous(memory_format=layout) for part in x.split(self.split, dim=1))
        parts = []
        if self.instance is not None:
            parts.append(self.instance(first))
        if self.batch is not None:
            parts.append(self.batch(rest))
        return torch.cat(parts, dim=1).contiguous(memory_format=layout)
