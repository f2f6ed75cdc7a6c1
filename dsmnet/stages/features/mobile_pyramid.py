"""Features of LightStereo (Guo et al., ICRA 2025): a light trunk, merged from 1/32 up to 1/4."""

from __future__ import annotations

import functools
from collections.abc import Callable

from torch import Tensor, nn

from dsmnet.layers.merge import Merge
from dsmnet.layers.norms.placement import Placement
from dsmnet.stages.features.mobilenet_v2 import MobileNetV2


def merge_up(given: int, channels: int, norm: Placement) -> Merge:
    """Return a `Merge` as LightStereo has it, with a steeper leaky ReLU."""
    leaky = functools.partial(nn.LeakyReLU, 0.2, inplace=True)
    return Merge(given, channels, norm, up=True, act=leaky, skip_first=True)


class MobilePyramid(nn.Module):
    """Maps at 1/4, which are matched, to 1/32, of which the finer ones have seen the coarser.

    `trunk` is a factory, called with `norm`; `head_norm` is the normalisation of the matched map.
    """

    def __init__(
        self, norm: Placement, head_norm: Placement, *, trunk: Callable[[Placement], MobileNetV2]
    ) -> None:
        super().__init__()
        self.trunk = trunk(norm)
        self.divisor, self.channels = self.trunk.divisor, self.trunk.channels
        self.ups = nn.ModuleList(merge_up(self.channels[2 * s], self.channels[s], norm) for s in (16, 8, 4))
        width = self.channels[4]
        conv = nn.Conv2d(width, width, 3, padding=1, padding_mode="replicate", bias=False)
        self.out = nn.Sequential(conv, head_norm.inner(width))

    def forward(self, image: Tensor) -> dict[int, Tensor]:
        """Image [N, 3, H, W] -> {s: [N, channels[s], H/s, W/s]} for strides s of 4 to 32."""
        maps = self.trunk(image)
        del maps[2]
        for stride, merge in zip((16, 8, 4), self.ups, strict=True):
            maps[stride] = merge(maps[2 * stride], maps[stride])
        maps[4] = self.out(maps[4])
        return maps
