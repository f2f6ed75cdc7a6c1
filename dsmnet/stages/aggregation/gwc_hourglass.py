"""GwcNet's aggregation (Guo et al. 2019, sec. 3.3): hourglasses in a row, each with its own output."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional as F

from dsmnet.layers.conv import ConvNormAct, LazyVolume
from dsmnet.layers.norms.placement import Placement
from dsmnet.stages.aggregation.contract import AggregationInput
from dsmnet.stages.aggregation.stacked_hourglass import HourglassConvs, Hourglasses


class GwcHourglass(Hourglasses):
    """Three hourglasses with logits before the first and after each."""

    def __init__(self, given: AggregationInput, *, width: int = 32) -> None:
        super().__init__(given, width, _Hourglass, heads=4)

    def forward(self, volume: Tensor | LazyVolume, left_features: Mapping[int, Tensor]) -> list[Tensor]:
        """See `Aggregation`."""
        volumes = [self.conv_in(volume)]
        for hourglass in self.hourglasses:
            volumes.append(hourglass(volumes[-1]))
        if not self.training:
            return [self.heads[-1](volumes[-1])]
        return [head(x) for head, x in zip(self.heads, volumes, strict=True)]


class _Hourglass(HourglassConvs):
    """Hourglass with 1x1x1 convolutions on its skips."""

    def __init__(self, width: int, norm: Placement) -> None:
        half = 2 * width
        super().__init__(width, half, 4 * width, norm, act=True)
        self.across1 = ConvNormAct(width, width, norm, kernel=1, ndim=3, act=False)
        self.across2 = ConvNormAct(half, half, norm, kernel=1, ndim=3, act=False)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, D, h, w] -> the same shape."""
        half = self.inner1(self.down1(x))
        up = F.relu(self.up2(self.inner2(self.down2(half))) + self.across2(half), inplace=True)
        return F.relu(self.up1(up) + self.across1(x), inplace=True)
