"""Group normalisation (Wu and He 2018)."""

from __future__ import annotations

import math

from torch import Tensor, nn

from dsmnet.layers.norms.checks import check_ndim
from dsmnet.ops.backend import widen
from dsmnet.ops.normalize import group_norm


class GroupNorm(nn.GroupNorm):
    """Group normalisation whose number of groups fits any number of channels.

    It is the greatest common divisor of `groups` and that number. Statistics are taken in float32 (or
    float64) whatever the input; the result has the input's type and memory format.
    """

    def __init__(self, num_features: int, *, ndim: int = 2, groups: int = 8, eps: float = 1e-5) -> None:
        check_ndim(ndim)
        super().__init__(math.gcd(groups, num_features), num_features, eps=eps)

    def forward(self, input: Tensor) -> Tensor:
        """Return `input` normalised, same shape."""
        return group_norm(widen(input), self.num_groups, self.weight, self.bias, self.eps).to(input.dtype)
