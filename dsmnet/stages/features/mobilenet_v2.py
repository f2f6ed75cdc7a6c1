"""Inverted residuals, and MobileNetV2 (Sandler et al. 2018) from the image down to 1/32."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn

from dsmnet.errors import UserError
from dsmnet.layers.conv import ConvNormAct
from dsmnet.layers.norms.placement import Placement

Act = Callable[[], nn.Module]


class InvertedResidual(nn.Module):
    """1x1 convolution to `expand` times the channels, 3x3 one of each channel, 1x1 one; added where it fits.

    An `expand` of 1 leaves out the first. `squeeze` weighs channels by their means before the last one
    (squeeze-and-excitation), `fused` is one 3x3 convolution of all channels in the place of the first two
    (EfficientNetV2). See `Placement` for `stage` and `last`.
    """

    def __init__(
        self,
        given: int,
        channels: int,
        norm: Placement,
        *,
        expand: int,
        stride: int = 1,
        stage: int = 1,
        last: bool = True,
        act: Act = nn.ReLU6,
        squeeze: bool = False,
        fused: bool = False,
    ) -> None:
        super().__init__()
        wide = expand * given
        widened = fused or expand > 1
        self.expand: nn.Module = nn.Identity()
        self.depthwise: nn.Module = nn.Identity()
        self.squeeze: nn.Module = nn.Identity()
        if widened:
            kernel, step = (3, stride) if fused else (1, 1)
            self.expand = ConvNormAct(given, wide, norm, kernel=kernel, stride=step, block=stage, act=act)
        if not fused:
            first = None if widened else stage
            self.depthwise = ConvNormAct(wide, wide, norm, stride=stride, groups=wide, block=first, act=act)
        if squeeze:
            self.squeeze = ChannelWeights(wide, given // 4, act)
        self.project = ConvNormAct(wide, channels, norm, kernel=1, act=False)
        self.norm_out = norm.block_out(channels, stage=stage, last=last)
        self.same = stride == 1 and given == channels

    def forward(self, x: Tensor) -> Tensor:
        """[N, given, h, w] -> [N, channels, h/stride, w/stride]."""
        y = self.project(self.squeeze(self.depthwise(self.expand(x))))
        out: Tensor = self.norm_out(x + y if self.same else y)
        return out


class ChannelWeights(nn.Module):
    """Weights between 0 and 1 of `channels`, from their means over the map through `hidden` numbers."""

    def __init__(self, channels: int, hidden: int, act: Act) -> None:
        super().__init__()
        convs = nn.Conv2d(channels, hidden, 1), act(), nn.Conv2d(hidden, channels, 1)
        self.to_weights = nn.Sequential(*convs, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """[N, channels, h, w] -> the same shape."""
        weights: Tensor = self.to_weights(x.mean((2, 3), keepdim=True))
        return x * weights


class MobileNetV2(nn.Module):
    """A 3x3 convolution of stride 2 and groups of inverted residuals; other tables of these are subclasses.

    `widths` are the channels of the convolution and of each group, the published ones without its last group
    32, 16, 24, 32, 64, 96 and 160. Nothing is downloaded: weights come from a checkpoint.
    """

    # Expansion, number of blocks, and stride of the first.
    groups: tuple[tuple[int, int, int], ...] = (
        (1, 1, 1),
        (6, 2, 2),
        (6, 3, 2),
        (6, 4, 2),
        (6, 3, 1),
        (6, 3, 2),
    )
    fused = 0  # groups of fused blocks, which come first
    squeeze = False  # whether the others squeeze
    act: type[nn.Module] = nn.ReLU6
    divisor = 32

    def __init__(self, norm: Placement, *, widths: Sequence[int]) -> None:
        super().__init__()
        count = 1 + len(self.groups)
        if len(widths) != count:
            raise UserError(f"widths={list(widths)}: expected channels of {count} groups of layers")
        self.stem = ConvNormAct(3, widths[0], norm, stride=2, stem=True, act=self.act)
        self.stages = nn.ModuleList()
        self.channels: dict[int, int] = {}  # by stride
        total = 2
        for at, ((expand, blocks, stride), pair) in enumerate(
            zip(self.groups, pairwise(widths), strict=True)
        ):
            fused = at < self.fused
            block = functools.partial(InvertedResidual, norm=norm, expand=expand, act=self.act, stage=at + 1)
            block = functools.partial(block, fused=fused, squeeze=self.squeeze and not fused)
            later = [block(pair[1], pair[1], last=n == blocks - 1) for n in range(1, blocks)]
            self.stages.append(nn.Sequential(block(*pair, stride=stride, last=not later), *later))
            total *= stride
            self.channels[total] = pair[1]

    def forward(self, image: Tensor) -> dict[int, Tensor]:
        """Image [N, 3, H, W] -> {s: [N, channels[s], H/s, W/s]} for strides s of 2 to 32."""
        x, total, maps = self.stem(image), 2, {}
        for (_, _, stride), stage in zip(self.groups, self.stages, strict=True):
            x = stage(x)
            total *= stride
            maps[total] = x
        return maps
