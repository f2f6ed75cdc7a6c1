"""Domain normalisation, DN (Zhang et al., "Domain-invariant stereo matching networks", ECCV 2020)."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from dsmnet.layers.norms.checks import check_input, check_ndim
from dsmnet.ops.backend import widen
from dsmnet.ops.normalize import group_norm, unit_length

Variant = Literal["paper", "seed", "l2_first"]


class DomainNorm(nn.Module):
    """Instance norm, then unit length of each pixel's feature vector, then scale and shift.

    The first takes away what is common to an image (brightness, contrast, color cast), the second how
    strongly each pixel responds. The same in training and evaluation: there are no running statistics.
    Everything is computed in float32 (or float64) whatever the input; the result has the input's type and
    memory format.

    Args:
        num_features: Channels.
        variant: ``paper``: as above. ``seed``: without scale and shift, thus without parameters.
            ``l2_first``: unit length first, then instance norm with scale and shift.
        ndim: 1 for sequences [B, C, L], 2 for maps [B, C, H, W], 3 for volumes [B, C, D, H, W].
        eps: Added to the variance.

    Raises:
        ValueError: Unknown variant.
        ShapeError: In forward, when the input is not of that form or has one pixel per channel.
    """

    def __init__(
        self, num_features: int, *, variant: Variant = "paper", ndim: int = 2, eps: float = 1e-5
    ) -> None:
        super().__init__()
        check_ndim(ndim)
        if variant not in get_args(Variant):
            raise ValueError(f"variant: expected one of {', '.join(get_args(Variant))}, got {variant}")
        self.num_features, self.variant, self.ndim, self.eps = num_features, variant, ndim, eps
        affine = variant != "seed"
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` normalised, same shape."""
        check_input(x, self.num_features, self.ndim, "DomainNorm")
        wide = widen(x)
        if self.variant == "l2_first":
            out = group_norm(unit_length(wide), self.num_features, self.weight, self.bias, self.eps)
        else:
            standard = group_norm(wide, self.num_features, None, None, self.eps)
            out = unit_length(standard, self.weight, self.bias)
        return out.to(x.dtype)

    def extra_repr(self) -> str:
        """Return the arguments, for printing."""
        return f"{self.num_features}, variant={self.variant}, ndim={self.ndim}, eps={self.eps}"
