"""Residual feature extractors of PSMNet and GwcNet, on a common trunk."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.errors import ShapeError, UserError
from dsmnet.layers.conv import ConvNormAct, ResidualBlock
from dsmnet.layers.norms.placement import Placement

_STRIDES, _DILATIONS = (1, 2, 1, 1), (1, 1, 1, 2)  # of the four stages


class ResidualTrunk(nn.Module):
    """Three convolutions, then four stages of residual blocks without a ReLU after the sum.

    The first convolution and the second stage halve the size, the fourth stage has dilation 2.
    `widths` are the channels of the stages, the first also of the three convolutions, `blocks` their blocks.
    """

    def __init__(self, norm: Placement, *, widths: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        if len(widths) != 4 or len(blocks) != 4 or min(blocks) < 1:
            raise UserError(
                f"features.widths={list(widths)}, features.blocks={list(blocks)}: expected channels and a "
                "number of blocks for each of four stages"
            )
        self.stem = nn.Sequential(
            ConvNormAct(3, widths[0], norm, stride=2, stem=True),
            ConvNormAct(widths[0], widths[0], norm),
            ConvNormAct(widths[0], widths[0], norm),
        )
        inputs = [widths[0], *widths[:3]]
        self.stages = nn.ModuleList(
            nn.Sequential(
                *(
                    ResidualBlock(
                        widths[at],
                        norm,
                        in_channels=widths[at] if block else inputs[at],
                        stride=1 if block else _STRIDES[at],
                        dilation=_DILATIONS[at],
                        stage=at + 1,
                        last=block == blocks[at] - 1,
                        act=False,
                    )
                    for block in range(blocks[at])
                )
            )
            for at in range(4)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """[N, 3, H, W] -> the maps of the second to fourth stage, [N, widths[k], H/4, W/4]."""
        x = self.stem(image)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps[1:]


class PyramidFeatures(nn.Module):
    """PSMNet's features (Chang and Chen 2018, sec. 3.2): the trunk with spatial pyramid pooling.

    `widths` and `blocks` are those of the trunk. The windows of `pools` are in pixels of the map, largest
    first, and give `pool_width` channels each; the output convolutions have `hidden` channels in between.
    """

    def __init__(
        self,
        norm: Placement,
        *,
        widths: Sequence[int] = (32, 64, 128, 128),
        blocks: Sequence[int] = (3, 16, 3, 3),
        pools: Sequence[int] = (64, 32, 16, 8),
        pool_width: int = 32,
        hidden: int = 128,
        out_channels: int = 32,
    ) -> None:
        super().__init__()
        self.trunk = ResidualTrunk(norm, widths=widths, blocks=blocks)
        self.pools = tuple(pools)
        self.pyramid = nn.ModuleList(ConvNormAct(widths[3], pool_width, norm, kernel=1) for _ in pools)
        joined = widths[1] + widths[3] + pool_width * len(pools)
        self.out = nn.Sequential(
            ConvNormAct(joined, hidden, norm), nn.Conv2d(hidden, out_channels, 1, bias=False)
        )
        self.channels = {4: out_channels}
        self.divisor = 4
        # Two of the largest windows side by side: one pixel has no statistics of its own.
        self.smallest = (4 * max(pools), 8 * max(pools))

    def forward(self, image: Tensor) -> dict[int, Tensor]:
        """Image [N, 3, H, W], at least `smallest` -> {4: [N, out_channels, H/4, W/4]}."""
        if any(size < least for size, least in zip(image.shape[-2:], self.smallest, strict=True)):
            raise ShapeError(
                f"features: expected images of at least {self.smallest} pixels, because of pools="
                f"{list(self.pools)}, got {tuple(image.shape)}; in training, see crop.height and crop.width"
            )
        middle, _, deep = self.trunk(image)
        size = deep.shape[-2:]
        means = [
            F.interpolate(conv(F.avg_pool2d(deep, pool)), size=size, mode="bilinear", align_corners=False)
            for pool, conv in zip(self.pools, self.pyramid, strict=True)
        ]
        return {4: self.out(torch.cat([middle, deep, *reversed(means)], dim=1))}


class StageFeatures(nn.Module):
    """GwcNet's features (Guo et al. 2019, sec. 3.1): three stages of the trunk, and a narrow map of them.

    The last `joined` channels are the ones that a `GroupwiseConcatVolume` concatenates.
    Without any (GwcNet-g) there is no narrow map. `widths` and `blocks` are those of the trunk.
    """

    def __init__(
        self,
        norm: Placement,
        *,
        widths: Sequence[int] = (32, 64, 128, 128),
        blocks: Sequence[int] = (3, 16, 3, 3),
        hidden: int = 128,
        joined: int = 12,
    ) -> None:
        super().__init__()
        self.trunk = ResidualTrunk(norm, widths=widths, blocks=blocks)
        stages = sum(widths[1:])
        self.out: nn.Sequential | None = None
        if joined:
            self.out = nn.Sequential(
                ConvNormAct(stages, hidden, norm), nn.Conv2d(hidden, joined, 1, bias=False)
            )
        self.channels = {4: stages + joined}
        self.divisor = 4

    def forward(self, image: Tensor) -> dict[int, Tensor]:
        """Image [N, 3, H, W] -> {4: [N, sum(widths[1:]) + joined, H/4, W/4]}."""
        stages = torch.cat(self.trunk(image), dim=1)
        return {4: stages if self.out is None else torch.cat([stages, self.out(stages)], dim=1)}
