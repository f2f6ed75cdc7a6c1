"""A small U-net feature extractor with a graph filter at 1/8."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from dsmnet.errors import UserError
from dsmnet.layers.conv import ConvNormAct, ResidualBlock, UpsampleMerge
from dsmnet.layers.graph_filter import GraphFilter
from dsmnet.layers.norms.placement import Placement


class UNetFeatures(nn.Module):
    """U-net with features at strides 2 and 4; `widths` are those at strides 2, 4, 8, ..., at least three."""

    def __init__(
        self, norm: Placement, *, widths: Sequence[int] = (24, 48, 64, 96), graph_filter: bool = True
    ):
        super().__init__()
        if len(widths) < 3:
            raise UserError(f"features.widths={list(widths)}: expected channels for at least strides 2, 4, 8")
        self.stem = nn.Sequential(
            ConvNormAct(3, widths[0], norm, kernel=5, stride=2, stem=True),
            ConvNormAct(widths[0], widths[0], norm),
        )
        self.down = nn.ModuleList(
            nn.Sequential(ConvNormAct(fine, coarse, norm, stride=2), ResidualBlock(coarse, norm, stage=stage))
            for stage, (fine, coarse) in enumerate(pairwise(widths), start=1)
        )
        inner = widths[1:]
        self.up = nn.ModuleList(
            UpsampleMerge(coarse, fine, fine, norm) for fine, coarse in reversed(list(pairwise(inner)))
        )
        self.filter = GraphFilter(widths[2], norm) if graph_filter else None
        self.out = nn.Conv2d(widths[1], widths[1], 3, padding=1, bias=False)
        self.channels = {2: widths[0], 4: widths[1]}
        self.divisor = 2 ** len(widths)

    def forward(self, image: Tensor) -> dict[int, Tensor]:
        """Image [N, 3, H, W] -> {s: [N, channels[s], H/s, W/s]} for strides s of 2 and 4."""
        maps = [self.stem(image)]
        for down in self.down:
            maps.append(down(maps[-1]))
        half, x = maps[0], maps[-1]
        for level, up in zip(range(len(maps) - 2, 0, -1), self.up, strict=True):
            if level == 1 and self.filter is not None:
                x = self.filter(x)
            x = up(x, maps[level])
        return {2: half, 4: self.out(x)}
