"""Features, first state and weights of upsampling of IGEV-Stereo (Xu et al. 2023, sections 3.1 and 3.4)."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.layers.conv import ConvNormAct
from dsmnet.layers.merge import Merge
from dsmnet.layers.norms.placement import Placement
from dsmnet.stages.features.mobilenet_v2 import MobileNetV2
from dsmnet.stages.iterative.step_contract import Gates

LEAKY = functools.partial(nn.LeakyReLU, inplace=True)


def two_convs(given: int, channels: int, norm: Placement, stride: int = 1) -> nn.Sequential:
    """Return two convolutions with norms, a leaky ReLU after the first and a plain one after the second."""
    first = ConvNormAct(given, channels, norm, stride=stride, act=LEAKY)
    return nn.Sequential(first, ConvNormAct(channels, channels, norm))


class GeometryUNet(nn.Module):
    """MobileNetV2, merged from 1/32 up to 1/4, beside plain convolutions of the image at 1/2 and 1/4.

    `norm` is that of MobileNetV2, `up_norm` that of all else, `widths` are those of `MobileNetV2`.
    """

    divisor = 32

    def __init__(self, norm: Placement, up_norm: Placement, *, widths: Sequence[int]) -> None:
        super().__init__()
        self.trunk = MobileNetV2(norm, widths=widths)
        half, a, b, c, d = self.trunk.channels.values()
        self.ups = nn.ModuleList(
            Merge(given, skip, up_norm, up=True, mixed=2 * skip, act=LEAKY)
            for given, skip in ((d, c), (2 * c, b), (2 * b, a))
        )
        self.out = ConvNormAct(2 * a, 2 * a, up_norm, act=LEAKY)
        self.at_half = two_convs(3, 2 * half, up_norm, stride=2)
        self.at_quarter = two_convs(2 * half, 2 * a, up_norm, stride=2)
        self.channels = {2: 2 * half, 4: 4 * a, 8: 2 * b, 16: 2 * c, 32: d}

    def forward(self, image: Tensor) -> dict[int, Tensor]:
        """Image [N, 3, H, W] -> {stride: [N, channels[stride], H/stride, W/stride]}."""
        maps = self.trunk(image)
        for merge, stride in zip(self.ups, (16, 8, 4), strict=True):
            maps[stride] = merge(maps[2 * stride], maps[stride])
        maps[2] = self.at_half(image)
        maps[4] = torch.cat([self.out(maps[4]), self.at_quarter(maps[2])], dim=1)
        return maps


class MapContext(nn.Module):
    """First state of one recurrent unit and what its gates are given, from a map of features (RT-IGEV)."""

    def __init__(self, norm: Placement, *, width: int, hidden: int) -> None:
        super().__init__()
        same = nn.Conv2d(hidden, hidden, 3, padding=1, bias=False)
        self.state = nn.Sequential(ConvNormAct(width, hidden, norm, act=LEAKY), same)
        self.context = ConvNormAct(width, hidden, norm, act=LEAKY)
        self.to_gates = nn.Conv2d(hidden, 3 * hidden, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[list[Tensor], list[Gates]]:
        """[N, width, h, w] -> one state and its gates, see `ContextPyramid`."""
        return [torch.tanh(self.state(x))], [self.to_gates(self.context(x)).chunk(3, dim=1)]


class UpsampleLogits(nn.Module):
    """Logits of `convex_upsample` by 4, from a map at 1/4 and one at 1/2 of `half` channels."""

    def __init__(self, given: int, half: int, norm: Placement) -> None:
        super().__init__()
        self.merge = Merge(given, half, norm, up=True, mixed=2 * half, act=LEAKY)
        self.out = nn.ConvTranspose2d(2 * half, 9, 4, 2, 1)

    def forward(self, quarter: Tensor, half: Tensor) -> Tensor:
        """[N, given, h, w] and [N, half, 2h, 2w] -> [N, 144, h, w]."""
        return F.pixel_unshuffle(self.out(self.merge(quarter, half)), 4)
