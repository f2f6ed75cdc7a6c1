"""Instance normalisation (Ulyanov et al. 2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dsmnet.layers.norms.checks import check_input, check_ndim
from dsmnet.ops.backend import widen
from dsmnet.ops.normalize import group_norm


class InstanceNorm(nn.Module):
    """Zero mean and unit variance over the pixels of each channel of each image, then scale and shift.

    The same in training and evaluation: there are no running statistics. Statistics are taken in float32 (or
    float64) whatever the input; the result has the input's type and memory format.

    Args:
        num_features: Channels.
        ndim: 1 for sequences [B, C, L], 2 for maps [B, C, H, W], 3 for volumes [B, C, D, H, W].
        eps: Added to the variance.
        affine: Learn a scale (starts at 1) and a shift (starts at 0) per channel.

    Raises:
        ShapeError: In forward, when the input is not of that form or has one pixel per channel.
    """

    def __init__(self, num_features: int, *, ndim: int = 2, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__()
        check_ndim(ndim)
        self.num_features, self.ndim, self.eps = num_features, ndim, eps
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` normalised, same shape."""
        check_input(x, self.num_features, self.ndim, "InstanceNorm")
        out = group_norm(widen(x), self.num_features, self.weight, self.bias, self.eps)
        if self.weight is None:
            out = out.clone()  # the gradient needs the original, and an in-place ReLU may follow
        return out.to(x.dtype)

    def extra_repr(self) -> str:
        """Return the arguments, for printing."""
        return f"{self.num_features}, ndim={self.ndim}, eps={self.eps}, affine={self.weight is not None}"
