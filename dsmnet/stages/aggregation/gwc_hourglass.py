"""GwcNet's aggregation (Guo et al. 2019, sec. 3.3): hourglasses in a row, each with its own output."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.layers.conv import ConvNormAct, LazyVolume, UpConvNormAct
from dsmnet.layers.norms.placement import Placement
from dsmnet.stages.aggregation.contract import Aggregation, AggregationInput
from dsmnet.stages.aggregation.stacked_hourglass import logit_head, volume_stem


class GwcHourglass(Aggregation):
    """Three hourglasses with logits before the first and after each."""

    divisor = 4
    accepts_lazy_volume = True

    def __init__(self, given: AggregationInput, *, width: int = 32) -> None:
        super().__init__()
        self.conv_in = volume_stem(given, width)
        self.hourglasses = nn.ModuleList(_Hourglass(width, given.norm3d) for _ in range(3))
        self.heads = nn.ModuleList(logit_head(width, given.norm3d) for _ in range(4))

    def forward(self, volume: Tensor | LazyVolume, left_features: Mapping[int, Tensor]) -> list[Tensor]:
        """See `Aggregation`."""
        volumes = [self.conv_in(volume)]
        for hourglass in self.hourglasses:
            volumes.append(hourglass(volumes[-1]))
        if not self.training:
            return [self.heads[-1](volumes[-1])]
        return [head(x) for head, x in zip(self.heads, volumes, strict=True)]


class _Hourglass(nn.Module):
    """Encoder to 1/4 of the size and decoder, with 1x1x1 convolutions on the skips."""

    def __init__(self, width: int, norm: Placement) -> None:
        super().__init__()
        half, quarter = 2 * width, 4 * width
        self.down1 = ConvNormAct(width, half, norm, stride=2, ndim=3)
        self.inner1 = ConvNormAct(half, half, norm, ndim=3)
        self.down2 = ConvNormAct(half, quarter, norm, stride=2, ndim=3)
        self.inner2 = ConvNormAct(quarter, quarter, norm, ndim=3)
        self.up2 = UpConvNormAct(quarter, half, norm, kernel=3, output_padding=1, ndim=3, act=False)
        self.up1 = UpConvNormAct(half, width, norm, kernel=3, output_padding=1, ndim=3, act=False)
        self.across1 = ConvNormAct(width, width, norm, kernel=1, ndim=3, act=False)
        self.across2 = ConvNormAct(half, half, norm, kernel=1, ndim=3, act=False)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, D, h, w] -> the same shape."""
        half = self.inner1(self.down1(x))
        up = F.relu(self.up2(self.inner2(self.down2(half))) + self.across2(half), inplace=True)
        return F.relu(self.up1(up) + self.across1(x), inplace=True)
