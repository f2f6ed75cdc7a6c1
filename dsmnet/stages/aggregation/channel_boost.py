"""LightStereo's aggregation (Guo et al., ICRA 2025): planes are channels of a map."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.errors import UserError
from dsmnet.layers.conv import UpConvNormAct
from dsmnet.options import check_whole
from dsmnet.stages.aggregation.contract import Aggregation, AggregationInput
from dsmnet.stages.features.mobilenet_v2 import InvertedResidual


class ChannelBoost(Aggregation):
    """An hourglass of inverted residuals at 1/4, 1/8 and 1/16, each weighted by features of the left view.

    Its weights are for a number of planes, which is `volume_channels` of what it is given.

    There are so many `blocks` at each size on the way down, which boost the channels by `expand`. Their
    normalisation is `norm3d`, although they are 2-D.
    """

    def __init__(self, given: AggregationInput, *, blocks: Sequence[int], expand: int) -> None:
        super().__init__()
        if len(blocks) != 3:
            raise UserError(f"model.aggregation.blocks={list(blocks)}: expected numbers of three sizes")
        expand = check_whole("model.aggregation.expand", expand)
        width, norm = given.volume_channels, given.norm3d
        widths = [width, 2 * width, 4 * width]
        block = functools.partial(InvertedResidual, norm=norm, expand=expand)
        self.down = nn.ModuleList(
            nn.Sequential(
                block(before, after, stride=after // before),
                *(block(after, after) for _ in range(check_whole("model.aggregation.blocks", count) - 1)),
            )
            for before, after, count in zip([width, *widths], widths, blocks, strict=False)
        )
        self.attention = nn.ModuleList(
            StripAttention(given.left_channels[stride], wide)
            for stride, wide in zip((4, 8, 16), widths, strict=True)
        )
        self.across = nn.ModuleList(block(wide, wide) for wide in widths[:2])
        self.up = nn.ModuleList(
            UpConvNormAct(2 * wide, wide, norm, kernel=3, output_padding=1, act=False) for wide in widths[:2]
        )

    def forward(self, volume: Tensor, left_features: Mapping[int, Tensor]) -> list[Tensor]:
        """See `Aggregation`; the volume has one channel."""
        x, maps = volume.squeeze(1), []
        for stride, down, attention in zip((4, 8, 16), self.down, self.attention, strict=True):
            x = attention(down(x), left_features[stride])
            maps.append(x)
        for level in (1, 0):
            x = F.relu(self.up[level](x) + self.across[level](maps[level]), inplace=True)
        return [x[:, None]]


class StripAttention(nn.Module):
    """Weights of a map from image features seen through strips of several lengths, one channel at a time."""

    def __init__(self, image_channels: int, channels: int, lengths: Sequence[int] = (7, 11, 21)) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(image_channels, channels, 1)
        self.strips = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, (1, n), padding=(0, n // 2), groups=channels),
                nn.Conv2d(channels, channels, (n, 1), padding=(n // 2, 0), groups=channels),
            )
            for n in lengths
        )
        self.to_weights = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        """[N, channels, h, w] and [N, image_channels, h, w] -> [N, channels, h, w]."""
        seen = self.conv_in(image)
        # Not in half precision: oneDNN's kernel for strips of one channel does not come back (torch 2.14).
        with torch.autocast(x.device.type, enabled=False):
            full = seen.to(self.to_weights.weight.dtype)
            strips = sum(strip(full) for strip in self.strips)
        weights: Tensor = self.to_weights(seen + strips)
        return weights * x
