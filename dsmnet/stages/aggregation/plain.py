"""A small stack of 3-D convolutions without guidance: for tests, tutorials and as a floor to beat."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from dsmnet.layers.conv import ConvNormAct, Convolvable, ResidualBlock
from dsmnet.layers.conv3d import Conv3d
from dsmnet.layers.norms.placement import Placement


class PlainAggregation(nn.Module):
    """`forward(volume [N, G, D, h, w], lefts) -> [scores [N, 1, D, h, w]]`; the left maps are not used."""

    folds = True

    def __init__(
        self,
        in_channels: int,
        channels: Mapping[int, int],
        *,
        norm: Placement,
        norm3d: Placement,
        width: int = 8,
        blocks: int = 1,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvNormAct(in_channels, width, norm3d, ndim=3),
            *(ResidualBlock(width, norm3d, ndim=3, last=k == blocks - 1) for k in range(blocks)),
            Conv3d(width, 1, 3, padding=1),
        )

    def forward(self, volume: Tensor | Convolvable, lefts: Mapping[int, Tensor]) -> list[Tensor]:
        """See the class."""
        return [self.body(volume)]
