"""Convolution blocks whose normalisation is passed in.

Every block takes a `Placement` (`dsmnet.layers.norms.placement`) and asks it for the norm of the place at
hand, so that swapping the normalisation never touches a network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.errors import ShapeError
from dsmnet.layers.norms.placement import Placement

_CONV = {2: nn.Conv2d, 3: nn.Conv3d}


class ConvNormAct(nn.Sequential):
    """Convolution without bias, norm, ReLU (2-D or 3-D)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        norm: Placement,
        *,
        kernel: int = 3,
        stride: int = 1,
        ndim: int = 2,
        stem: bool = False,
        act: bool = True,
    ) -> None:
        conv = _CONV[ndim](in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False)
        place = norm.stem if stem else norm.inner
        layers: list[nn.Module] = [conv, place(out_channels, ndim)]
        if act:
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around an identity.

    Args:
        channels: of input and output.
        norm: asked for the norms of this place.
        ndim: 2 for maps, 3 for volumes.
        stage: of the network in which the block stands, from 1; see `Placement`.
        last: it is the last block of its stage.
    """

    def __init__(
        self, channels: int, norm: Placement, *, ndim: int = 2, stage: int = 1, last: bool = True
    ) -> None:
        super().__init__()
        conv = _CONV[ndim]
        self.conv1 = conv(channels, channels, 3, padding=1, bias=False)
        self.norm1 = norm.block_in(channels, ndim, stage=stage)
        self.conv2 = conv(channels, channels, 3, padding=1, bias=False)
        self.norm2 = norm.inner(channels, ndim)
        self.norm_out = norm.block_out(channels, ndim, stage=stage, last=last)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, ...] -> the same shape."""
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return F.relu(self.norm_out(x + self.norm2(self.conv2(y))), inplace=True)


class UpsampleMerge(nn.Module):
    """Enlarge a coarse map to the size of a fine one, join the two and mix them."""

    def __init__(
        self, coarse_channels: int, fine_channels: int, out_channels: int, norm: Placement, *, ndim: int = 2
    ) -> None:
        super().__init__()
        self.reduce = _CONV[ndim](coarse_channels, fine_channels, 1, bias=False)
        self.mix = ConvNormAct(2 * fine_channels, out_channels, norm, ndim=ndim)
        self.mode = {2: "bilinear", 3: "trilinear"}[ndim]

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Coarse [N, C, h, w], fine [N, F, H, W] -> [N, O, H, W]; one more leading axis in 3-D."""
        if coarse.dim() != fine.dim() or coarse.shape[0] != fine.shape[0]:
            raise ShapeError(f"cannot merge {tuple(coarse.shape)} into {tuple(fine.shape)}")
        # The 1x1 convolution commutes with the interpolation and is cheaper before it.
        up = F.interpolate(self.reduce(coarse), size=fine.shape[2:], mode=self.mode, align_corners=False)
        return self.mix(torch.cat([up, fine], dim=1))
