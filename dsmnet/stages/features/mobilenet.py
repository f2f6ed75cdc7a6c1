"""MobileNetV2 (Sandler et al. 2018) without its last stage, as IGEV-Stereo and its kin use it."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from torch import Tensor, nn

from dsmnet.errors import UserError
from dsmnet.layers.conv import ConvNormAct
from dsmnet.layers.norms.placement import Placement

_RELU6 = functools.partial(nn.ReLU6, inplace=True)
# Per stride, 2 to 32: groups of blocks, each (place of its width, expansion, blocks).
_STAGES = (((0, 1, 1),), ((1, 6, 2),), ((2, 6, 3),), ((3, 6, 4), (4, 6, 3)), ((5, 6, 3),))


class InvertedResidual(nn.Module):
    """Expansion by 1x1, 3x3 per channel, projection by 1x1; their sum with the input where the size is kept.

    See `Placement` for `stage` and `last`.
    """

    def __init__(
        self, given: int, channels: int, norm: Placement, *, expand: int, stride: int, stage: int, last: bool
    ) -> None:
        super().__init__()
        wide = given * expand
        first = None if expand > 1 else stage
        widen = [ConvNormAct(given, wide, norm, kernel=1, block=stage, act=_RELU6)] if expand > 1 else []
        self.body = nn.Sequential(
            *widen,
            ConvNormAct(wide, wide, norm, stride=stride, groups=wide, block=first, act=_RELU6),
            ConvNormAct(wide, channels, norm, kernel=1, act=False),
        )
        self.norm_out = norm.block_out(channels, stage=stage, last=last)
        self.residual = stride == 1 and given == channels

    def forward(self, x: Tensor) -> Tensor:
        """[N, given, h, w] -> [N, channels, h/stride, w/stride]."""
        y = self.body(x)
        out: Tensor = self.norm_out(x + y if self.residual else y)
        return out


class MobileNetV2(nn.Module):
    """Maps at strides 2 to 32, as a list; `widths` are the channels of the six groups of blocks.

    Those of the published network are 16, 24, 32, 64, 96 and 160. Nothing is downloaded: weights come from
    a checkpoint.
    """

    def __init__(self, norm: Placement, *, widths: Sequence[int]) -> None:
        super().__init__()
        if len(widths) != 6:
            raise UserError(f"model.widths={list(widths)}: expected the channels of six groups of blocks")
        given = 2 * widths[0]
        self.stem = ConvNormAct(3, given, norm, stride=2, stem=True, act=_RELU6)
        self.stages, self.channels = nn.ModuleList(), [widths[at] for at in (0, 1, 2, 4, 5)]
        for stage, groups in enumerate(_STAGES):
            parts = []
            for number, (at, expand, count) in enumerate(groups):
                blocks = []
                for block in range(count):
                    stride = 2 if stage and not number and not block else 1
                    last = number == len(groups) - 1 and block == count - 1
                    place = {"expand": expand, "stride": stride, "stage": stage + 1}
                    blocks.append(InvertedResidual(given, widths[at], norm, last=last, **place))
                    given = widths[at]
                parts.append(nn.Sequential(*blocks))
            self.stages.append(nn.Sequential(*parts))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Image [N, 3, H, W] -> [N, C, H/s, W/s] at s = 2, 4, 8, 16, 32."""
        maps = [self.stem(image)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps[1:]
