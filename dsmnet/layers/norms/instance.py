"""Instance normalisation (Ulyanov et al. 2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dsmnet.layers.norms.spatial import SpatialNorm
from dsmnet.ops.normalize import group_norm


class InstanceNorm(SpatialNorm):
    """Zero mean and unit variance over the pixels of each channel of each image, then scale and shift.

    The same in training and evaluation: there are no running statistics. With `affine`, scale (1 at first)
    and shift (0 at first) are learned per channel.
    """

    shown = ("ndim", "eps", "affine")

    def __init__(self, num_features: int, *, ndim: int = 2, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(num_features, ndim, eps)
        self.affine = affine
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None

    def compute(self, x: Tensor) -> Tensor:
        """See `SpatialNorm`."""
        out = group_norm(x, self.num_features, self.weight, self.bias, self.eps)
        # The gradient needs the original, and an in-place ReLU may follow.
        return out if self.affine else out.clone()
