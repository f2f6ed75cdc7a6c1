"""Change of resolution with a skip connection (GANet, Zhang et al. 2019)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dsmnet.errors import ShapeError
from dsmnet.layers.conv import Activation, ConvNormAct, UpConvNormAct
from dsmnet.layers.norms.placement import Placement


class Merge(nn.Module):
    """Convolution that halves or doubles the size, concatenation with a skip, convolution.

    With `up`, a transposed convolution of kernel 4 (in volumes 3 along the planes, of which n become
    ``2 n - 1``) doubles the size. The skip has `out_channels`, too, and the result, unless `mixed` says how
    many. With `skip_first` the skip's channels come first.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        norm: Placement,
        *,
        up: bool,
        ndim: int = 2,
        mixed: int | None = None,
        act: Activation = True,
        skip_first: bool = False,
    ) -> None:
        super().__init__()
        self.skip_first = skip_first
        self.change: nn.Module
        if up:
            kernel = 4 if ndim == 2 else (3, 4, 4)
            self.change = UpConvNormAct(in_channels, out_channels, norm, kernel=kernel, ndim=ndim, act=act)
        else:
            self.change = ConvNormAct(in_channels, out_channels, norm, stride=2, ndim=ndim, act=act)
        self.mix = ConvNormAct(2 * out_channels, mixed or out_channels, norm, ndim=ndim, act=act)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Return a map of the shape of `skip`, which is that of `x` halved or doubled."""
        x = self.change(x)
        if x.shape != skip.shape:
            raise ShapeError(f"cannot merge {tuple(x.shape)} with {tuple(skip.shape)}")
        # The same name, so that a volume is freed before the convolution.
        x = torch.cat([skip, x] if self.skip_first else [x, skip], dim=1)
        return self.mix(x)
