"""Domain normalisation, DN (Zhang et al., "Domain-invariant stereo matching networks", ECCV 2020)."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from dsmnet.layers.norms.spatial import SpatialNorm
from dsmnet.ops.normalize import group_norm, unit_length

Variant = Literal["paper", "seed", "l2_first"]


class DomainNorm(SpatialNorm):
    """Instance norm, then unit length of each pixel's feature vector, then scale and shift.

    The first takes away what is common to an image (brightness, contrast, color cast), the second how
    strongly each pixel responds. The same in training and evaluation: there are no running statistics.
    That is the variant ``paper``; ``seed`` is without scale and shift, thus without parameters; ``l2_first``
    is unit length first, then instance norm with scale and shift.

    Example:
        >>> norm = DomainNorm(8)
        >>> x = torch.rand(2, 8, 4, 6)
        >>> bool(torch.allclose(norm(x).norm(dim=1), torch.ones(2, 4, 6)))
        True
        >>> bool(torch.allclose(norm(3 * x + 5), norm(x), atol=1e-4))  # another exposure
        True
    """

    shown = ("variant", "ndim", "eps")

    def __init__(
        self, num_features: int, *, variant: Variant = "paper", ndim: int = 2, eps: float = 1e-5
    ) -> None:
        super().__init__(num_features, ndim, eps)
        if variant not in get_args(Variant):
            raise ValueError(f"variant: expected one of {', '.join(get_args(Variant))}, got {variant}")
        self.variant = variant
        affine = variant != "seed"
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None

    def compute(self, x: Tensor) -> Tensor:
        """See `SpatialNorm`."""
        if self.variant == "l2_first":
            return group_norm(unit_length(x), self.num_features, self.weight, self.bias, self.eps)
        standard = group_norm(x, self.num_features, None, None, self.eps)
        return unit_length(standard, self.weight, self.bias)
