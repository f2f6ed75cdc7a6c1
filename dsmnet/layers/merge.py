"""To another resolution, and together with the map that is there already (GANet, Zhang et al. 2019)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dsmnet.errors import ShapeError
from dsmnet.layers.conv import ConvNormAct, UpConvNormAct
from dsmnet.layers.norms.placement import Placement


class Merge(nn.Module):
    """A convolution that halves or doubles the size, joined with a skipped map, then mixed.

    Args:
        in_channels: of the map whose size changes.
        out_channels: of the skipped map and the result.
        norm: of both convolutions.
        up: Double the size with a transposed convolution of kernel 4 (in volumes 3 along the planes, of which
            n become ``2 n - 1``); else halve it.
        ndim: 2 for maps, 3 for volumes.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        norm: Placement,
        *,
        up: bool,
        ndim: int = 2,
    ) -> None:
        super().__init__()
        self.change: nn.Module
        if up:
            kernel = 4 if ndim == 2 else (3, 4, 4)
            self.change = UpConvNormAct(in_channels, out_channels, norm, kernel=kernel, ndim=ndim)
        else:
            self.change = ConvNormAct(in_channels, out_channels, norm, stride=2, ndim=ndim)
        self.mix = ConvNormAct(2 * out_channels, out_channels, norm, ndim=ndim)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Return a map of the shape of `skip`.

        Raises:
            ShapeError: Halved or doubled, `x` has not that shape.
        """
        x = self.change(x)
        if x.shape != skip.shape:
            raise ShapeError(f"cannot merge {tuple(x.shape)} with {tuple(skip.shape)}")
        x = torch.cat([x, skip], dim=1)  # frees what it was made of: in a volume that is much
        return self.mix(x)
