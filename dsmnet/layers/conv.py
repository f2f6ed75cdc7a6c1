"""Convolution blocks with a normalisation that is passed in, 2-D and 3-D.

Every block asks a `Placement` (`dsmnet.layers.norms.placement`) for its norms, so that swapping the
normalisation never touches a network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.errors import ShapeError
from dsmnet.layers.norms.placement import Placement
from dsmnet.ops.convolution import conv3d


class LazyVolume(Protocol):
    """A cost volume that is convolved without being held in memory."""

    def convolve(self, conv: nn.Conv3d) -> Tensor:
        """Return the volume convolved by `conv`."""


class Conv3d(nn.Conv3d):
    """`torch.nn.Conv3d` of one group with zero padding, computed by `dsmnet.ops.convolution.conv3d`."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        assert self.groups == 1
        assert self.padding_mode == "zeros"
        assert not isinstance(self.padding, str)
        return conv3d(input, weight, bias, self.stride, self.padding, self.dilation)


class VolumeConv(Conv3d):
    """A 3-D convolution of a cost volume, lazy or not."""

    def forward(self, x: Tensor | LazyVolume) -> Tensor:
        """Volume [N, C, D, h, w] -> [N, out_channels, D, h, w]."""
        return super().forward(x) if isinstance(x, Tensor) else x.convolve(self)


_CONV: dict[int, Any] = {2: nn.Conv2d, 3: VolumeConv}
_TRANSPOSED: dict[int, Any] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
Activation = bool | Callable[[], nn.Module]  # a ReLU or none, or a factory of another


class ConvNormAct(nn.Sequential):
    """Convolution, by default without bias, norm, ReLU or what `act` makes (2-D or 3-D).

    Padding is half the kernel times the dilation by default; `stem` says that it is a network's first one.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        norm: Placement,
        *,
        kernel: int | tuple[int, ...] = 3,
        stride: int = 1,
        padding: int | tuple[int, ...] | None = None,
        dilation: int = 1,
        ndim: int = 2,
        stem: bool = False,
        act: Activation = True,
        bias: bool = False,
    ) -> None:
        if padding is None:
            sizes = (kernel,) * ndim if isinstance(kernel, int) else kernel
            padding = tuple(dilation * (size // 2) for size in sizes)
        conv = _CONV[ndim](in_channels, out_channels, kernel, stride, padding, dilation, bias=bias)
        place = norm.stem if stem else norm.inner
        super().__init__(conv, place(out_channels, ndim), *_activation(act))


class UpConvNormAct(nn.Sequential):
    """Transposed convolution without bias that doubles the size, norm, ReLU (2-D or 3-D).

    A kernel of 4 doubles a dimension; one of 3 does with `output_padding` 1, and else gives ``2 n - 1``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        norm: Placement,
        *,
        kernel: int | tuple[int, ...] = 4,
        output_padding: int = 0,
        ndim: int = 2,
        act: Activation = True,
    ) -> None:
        conv = _TRANSPOSED[ndim](in_channels, out_channels, kernel, 2, 1, output_padding, bias=False)
        super().__init__(conv, norm.inner(out_channels, ndim), *_activation(act))


def _activation(act: Activation) -> list[nn.Module]:
    if callable(act):
        return [act()]
    return [nn.ReLU(inplace=True)] if act else []


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around an identity, or around a 1x1 convolution where the size changes.

    The stride is that of the first one, the dilation that of both. See `Placement` for `stage` and `last`.
    `act` is a ReLU after the sum, `branch_act` one before it (RAFT); convolutions have no bias by default.
    """

    def __init__(
        self,
        channels: int,
        norm: Placement,
        *,
        in_channels: int | None = None,
        stride: int = 1,
        dilation: int = 1,
        ndim: int = 2,
        stage: int = 1,
        last: bool = True,
        act: bool = True,
        branch_act: bool = False,
        bias: bool = False,
    ) -> None:
        super().__init__()
        given = channels if in_channels is None else in_channels
        conv = _CONV[ndim]
        self.conv1 = conv(given, channels, 3, stride, dilation, dilation, bias=bias)
        self.norm1 = norm.block_in(channels, ndim, stage=stage)
        self.conv2 = conv(channels, channels, 3, 1, dilation, dilation, bias=bias)
        self.norm2 = norm.inner(channels, ndim)
        self.norm_out = norm.block_out(channels, ndim, stage=stage, last=last)
        self.shortcut: ConvNormAct | None = None
        if stride != 1 or given != channels:
            self.shortcut = ConvNormAct(given, channels, norm, kernel=1, ndim=ndim, act=False, bias=bias)
        # The stride of the shortcut: oneDNN 3.12 (torch 2.14) writes out of bounds in the backward pass of a
        # strided 1x1 convolution of 8 channels, channels last.
        self.subsample: tuple[Any, ...] = (..., *[slice(None, None, stride)] * ndim)
        self.act, self.branch_act = act, branch_act

    def forward(self, x: Tensor) -> Tensor:
        """[N, in_channels, ...] -> [N, channels, ...], the same size but for the stride."""
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        same = x if self.shortcut is None else self.shortcut(x[self.subsample])
        change = self.norm2(self.conv2(y))
        out = self.norm_out(same + (F.relu(change, inplace=True) if self.branch_act else change))
        return F.relu(out, inplace=True) if self.act else out


class UpsampleMerge(nn.Module):
    """Upsample a coarse map to the size of a fine one, concatenate the two and convolve."""

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
