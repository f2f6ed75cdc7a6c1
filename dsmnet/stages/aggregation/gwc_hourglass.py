"""GwcNet's aggregation (Guo et al. 2019, sec. 3.3): hourglasses in a row, each with a score of its own."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.layers.conv import ConvNormAct, Convolvable, UpConvNormAct
from dsmnet.layers.norms.placement import Placement
from dsmnet.stages.aggregation.stacked_hourglass import enter, head


class GwcHourglass(nn.Module):
    """Volume -> the score before the hourglasses and after each of them.

    Contract of the slot: `forward(volume [N, G, D, h, w], lefts) -> list of scores [N, 1, D, h, w]`, coarse
    to fine, larger is better, in evaluation the last alone; D, h, w are multiples of `divisor`. The left maps
    are not used.
    """

    divisor = 4
    folds = True

    def __init__(
        self,
        in_channels: int,
        channels: Mapping[int, int],
        *,
        norm: Placement,
        norm3d: Placement,
        width: int = 32,
    ) -> None:
        super().__init__()
        self.enter = enter(in_channels, width, norm3d)
        self.hourglasses = nn.ModuleList(_Hourglass(width, norm3d) for _ in range(3))
        self.heads = nn.ModuleList(head(width, norm3d) for _ in range(4))

    def forward(self, volume: Tensor | Convolvable, lefts: Mapping[int, Tensor]) -> list[Tensor]:
        """See the class."""
        volumes = [self.enter(volume)]
        for hourglass in self.hourglasses:
            volumes.append(hourglass(volumes[-1]))
        if not self.training:
            return [self.heads[-1](volumes[-1])]
        return [classify(x) for classify, x in zip(self.heads, volumes, strict=True)]


class _Hourglass(nn.Module):
    """Down to a quarter of the size and up again; 1x1x1 convolutions lead across."""

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
