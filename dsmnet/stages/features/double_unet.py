"""The feature extractor of DSMNet (Zhang et al., ECCV 2020): two U-nets with graph filters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.errors import UserError
from dsmnet.layers.conv import ConvNormAct
from dsmnet.layers.graph_filter import GraphFilter
from dsmnet.layers.merge import Merge
from dsmnet.layers.norms.placement import Placement


def to_stride(channels: int, norm: Placement, stride: int) -> list[nn.Module]:
    """Return the two convolutions that lead from full size to the stride of the volume, 3 or 4."""
    if stride not in (3, 4):
        raise UserError(f"model.stride={stride}: expected 3 or 4")
    first, second = (3, 1) if stride == 3 else (2, 2)
    return [
        ConvNormAct(channels, channels, norm, kernel=5, stride=first, padding=1),
        ConvNormAct(channels, channels, norm, stride=second),
    ]


class Pyramid(nn.Module):
    """Spatial pyramid pooling over 2, 4, 8 and 16 cells."""

    pools = 2, 4, 8, 16

    def __init__(self, channels: int, norm: Placement) -> None:
        super().__init__()
        inner = channels * 3 // 4
        joined = channels + inner * len(self.pools)
        self.conv_in = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.branches = nn.ModuleList(
            nn.Conv2d(channels, inner, 3, padding=1, bias=False) for _ in self.pools
        )
        self.norm = norm.inner(joined)
        self.out = ConvNormAct(joined, channels, norm)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, h, w] -> the same shape."""
        x = self.conv_in(x)
        maps = [x]
        for pool, branch in zip(self.pools, self.branches, strict=True):
            means = branch(F.avg_pool2d(x, pool))
            maps.append(F.interpolate(means, size=x.shape[2:], mode="bilinear", align_corners=False))
        return self.out(F.relu(self.norm(torch.cat(maps, dim=1)), inplace=True))


class DSMNetFeatures(nn.Module):
    """Two U-nets of five levels with seven graph filters; features at one stride.

    The finest level has the stride 3 or 4; `widths` are the channels of the five levels, fine to coarse. The
    edges' similarity is ``dot`` (released code) or ``cosine`` (paper), their embeddings have their own norm.
    """

    def __init__(
        self,
        norm: Placement,
        *,
        stride: int = 4,
        widths: Sequence[int] = (32, 48, 64, 96, 128),
        similarity: str = "dot",
    ) -> None:
        super().__init__()
        if len(widths) != 5:
            raise UserError(f"model.widths={list(widths)}: expected five numbers of channels")
        fine, half = widths[:2]
        self.stride = stride
        self.channels = {stride: fine}
        self.divisor = 16 * stride
        self.stem = nn.Sequential(
            ConvNormAct(3, fine, norm, stem=True),
            *to_stride(fine, norm, stride),
            ConvNormAct(fine, fine, norm, act=False),
        )
        levels = list(pairwise(widths))
        self.down1 = nn.ModuleList(ConvNormAct(a, b, norm, stride=2) for a, b in levels)
        self.up1 = nn.ModuleList(Merge(b, a, norm, up=True) for a, b in reversed(levels))
        self.down2 = nn.ModuleList(Merge(a, b, norm, up=False) for a, b in levels)
        self.up2 = nn.ModuleList(Merge(b, a, norm, up=True) for a, b in reversed(levels))
        self.filters = nn.ModuleList(
            GraphFilter(width, norm, similarity=similarity, standardize=True)
            for width in (fine, half, half, fine, half, half, fine)  # in the order they are used
        )
        self.pyramids = nn.ModuleList(Pyramid(fine, norm) for _ in range(2))

    def forward(self, image: Tensor) -> dict[int, Tensor]:
        """Image [N, 3, H, W] -> {stride: [N, widths[0], H/stride, W/stride]}."""
        a = self.filters[0](self.stem(image))  # levels a (fine) to e (coarse)

        b = self.filters[1](self.down1[0](a))
        c = self.down1[1](b)
        d = self.down1[2](c)
        e = self.down1[3](d)

        d = self.up1[0](e, d)
        c = self.up1[1](d, c)
        b = self.filters[2](self.up1[2](c, b))
        a = self.pyramids[0](self.filters[3](self.up1[3](b, a)))

        b = self.filters[4](self.down2[0](a, b))
        c = self.down2[1](b, c)
        d = self.down2[2](c, d)
        e = self.down2[3](d, e)

        d = self.up2[0](e, d)
        c = self.up2[1](d, c)
        b = self.filters[5](self.up2[2](c, b))
        a = self.pyramids[1](self.filters[6](self.up2[3](b, a)))
        return {self.stride: a}
