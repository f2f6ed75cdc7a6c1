"""A small stack of 3-D convolutions: for tests, tutorials and as a lower bound."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from dsmnet.layers.conv import Conv3d, ConvNormAct, ResidualBlock
from dsmnet.stages.aggregation.contract import Aggregation, AggregationInput


class PlainAggregation(Aggregation):
    """3-D convolution, residual blocks, 3-D convolution; the left features are not used."""

    def __init__(self, given: AggregationInput, *, width: int = 8, blocks: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvNormAct(given.volume_channels, width, given.norm3d, ndim=3),
            *(ResidualBlock(width, given.norm3d, ndim=3, last=k == blocks - 1) for k in range(blocks)),
            Conv3d(width, 1, 3, padding=1),
        )

    def forward(self, volume: Tensor, left_features: Mapping[int, Tensor]) -> list[Tensor]:
        """See `Aggregation`."""
        return [self.body(volume)]
