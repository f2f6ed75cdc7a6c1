"""A U-net feature extractor for few operations: at 1/2 there is one convolution, of 2x2 blocks of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.errors import UserError
from dsmnet.layers.conv import ConvNormAct, ResidualBlock
from dsmnet.layers.graph_filter import GraphFilter
from dsmnet.layers.norms.placement import Placement


class AddUpsampled(nn.Module):
    """Add an enlarged coarse map to a fine one, both projected to the output's channels, and convolve."""

    def __init__(self, coarse: int, fine: int, channels: int, norm: Placement) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(coarse, channels, 1, bias=False)
        self.lateral = nn.Conv2d(fine, channels, 1, bias=False)
        self.mix = ConvNormAct(channels, channels, norm)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Coarse [N, C, h, w], fine [N, F, H, W] -> [N, channels, H, W]."""
        up = F.interpolate(self.reduce(coarse), size=fine.shape[2:], mode="bilinear", align_corners=False)
        return self.mix(up + self.lateral(fine))


class LeanUNetFeatures(nn.Module):
    """U-net with features at strides 2 and 4 and a graph filter at 1/8.

    Args:
        norm: Normalisation of every block.
        widths: Number of channels at strides 2, 4, 8, 16.
        out_channels: Number of channels of the matched map at 1/4.
        blocks: Number of residual blocks at strides 4, 8, 16.
        embedding: Number of channels that the graph filter compares neighbours by.

    Raises:
        UserError: Not so many numbers.
    """

    divisor = 16

    def __init__(
        self,
        norm: Placement,
        *,
        widths: Sequence[int] = (16, 32, 64, 96),
        out_channels: int = 48,
        blocks: Sequence[int] = (0, 1, 1),
        embedding: int = 32,
    ) -> None:
        super().__init__()
        if len(widths) != 4 or len(blocks) != 3:
            raise UserError(
                f"features.widths={list(widths)} features.blocks={list(blocks)}: expected channels at "
                "strides 2, 4, 8, 16 and blocks at 4, 8, 16"
            )
        self.stem = ConvNormAct(12, widths[0], norm, stem=True)
        self.down = nn.ModuleList(
            nn.Sequential(
                ConvNormAct(fine, coarse, norm, stride=2),
                *(ResidualBlock(coarse, norm, stage=stage, last=k == count - 1) for k in range(count)),
            )
            for stage, ((fine, coarse), count) in enumerate(zip(pairwise(widths), blocks, strict=True), 1)
        )
        self.up8 = AddUpsampled(widths[3], widths[2], widths[2], norm)
        self.filter = GraphFilter(widths[2], norm, embedding=embedding, kernel=1)
        self.up4 = AddUpsampled(widths[2], widths[1], out_channels, norm)
        self.out = nn.Conv2d(out_channels, out_channels, 1, bias=False)
        self.channels = {2: widths[0], 4: out_channels}

    def forward(self, image: Tensor) -> dict[int, Tensor]:
        """Image [N, 3, H, W] -> {s: [N, channels[s], H/s, W/s]} for strides s of 2 and 4."""
        blocks = F.pixel_unshuffle(image, 2).contiguous(memory_format=torch.channels_last)
        half = self.stem(blocks)
        quarter = self.down[0](half)
        eighth = self.down[1](quarter)
        filtered = self.filter(self.up8(self.down[2](eighth), eighth))
        return {2: half, 4: self.out(self.up4(filtered, quarter))}
