"""Geometry encoding volume of IGEV-Stereo (Xu et al. 2023, section 3.2): an hourglass that features guide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from dsmnet.layers.conv import Conv3d, ConvNormAct, UpConvNormAct
from dsmnet.layers.norms.placement import Placement
from dsmnet.stages.aggregation.contract import Aggregation, AggregationInput
from dsmnet.stages.features.geometry_unet import LEAKY


class GuidedConvs(nn.Module):
    """Convolutions of a volume, times weights from a map of the left view that all planes share (CoEx)."""

    def __init__(self, convs: Sequence[nn.Module], guide: int, channels: int, norm: Placement) -> None:
        super().__init__()
        self.convs = nn.Sequential(*convs)
        conv = ConvNormAct(guide, guide // 2, norm, kernel=1, act=LEAKY)
        self.attention = nn.Sequential(conv, nn.Conv2d(guide // 2, channels, 1))

    def forward(self, volume: Tensor, guide: Tensor) -> Tensor:
        """Volume [N, C, D, h, w] and map [N, guide, h', w'] -> [N, channels, D', h', w']."""
        return torch.sigmoid(self.attention(guide)).unsqueeze(2) * self.convs(volume)


class GeometryEncoding(Aggregation):
    """A 3-D hourglass to 1/8 of the volume, every map of which is weighted by features of the left view.

    With `stem`, the volume is convolved and weighted before it; the volume that comes out has as many
    channels as the one that goes in.
    """

    divisor = 8

    def __init__(self, given: AggregationInput, *, stem: bool = True) -> None:
        super().__init__()
        width, norm, guides = given.volume_channels, given.norm3d, given.left_channels
        widths = [width, 2 * width, 4 * width, 6 * width]

        def conv(a: int, b: int, kernel: int = 3, stride: int = 1) -> ConvNormAct:
            return ConvNormAct(a, b, norm, kernel=kernel, stride=stride, ndim=3, act=LEAKY)

        def guided(stride: int, channels: int, *convs: nn.Module) -> GuidedConvs:
            return GuidedConvs(convs, guides[stride], channels, given.norm)

        self.stem = guided(4, width, conv(width, width)) if stem else None
        steps = list(zip((8, 16, 32), widths, widths[1:], strict=False))
        self.down = nn.ModuleList(guided(s, b, conv(a, b, stride=2), conv(b, b)) for s, a, b in steps)
        back = [(stride // 2, a, b) for stride, a, b in reversed(steps[1:])]
        self.up = nn.ModuleList(UpConvNormAct(b, a, norm, ndim=3, act=LEAKY) for _, a, b in back)
        self.mix = nn.ModuleList(
            guided(s, a, conv(2 * a, a, kernel=1), conv(a, a), conv(a, a)) for s, a, _ in back
        )
        self.last = nn.ConvTranspose3d(widths[1], width, 4, 2, 1, bias=False)
        self.head = Conv3d(width, 1, 3, padding=1, bias=False)

    def encode(self, volume: Tensor, left_features: Mapping[int, Tensor]) -> Tensor:
        """Return the geometry encoding volume, of the shape of the given one [N, C, D, h, w]."""
        x = volume if self.stem is None else self.stem(volume, left_features[4])
        skips = []
        for stride, down in zip((8, 16, 32), self.down, strict=True):
            x = down(x, left_features[stride])
            skips.append(x)
        for stride, skip, up, mix in zip((16, 8), skips[1::-1], self.up, self.mix, strict=True):
            x = mix(torch.cat([up(x), skip], dim=1), left_features[stride])
        geometry: Tensor = self.last(x)
        return geometry

    def forward(self, volume: Tensor, left_features: Mapping[int, Tensor]) -> list[Tensor]:
        """See `Aggregation`."""
        return [self.head(self.encode(volume, left_features))]
