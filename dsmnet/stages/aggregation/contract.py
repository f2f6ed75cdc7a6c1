"""The contract of every aggregation: cost volume -> matching logits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from dsmnet.layers.norms.placement import Placement


@dataclass(frozen=True)
class AggregationInput:
    """Channels and normalisation that a network offers to its aggregation.

    Args:
        volume_channels: Channels of the cost volume.
        left_channels: Channels of the left view's feature maps, by stride.
        norm: Normalisation of 2-D convolutions.
        norm3d: Normalisation of 3-D convolutions.
    """

    volume_channels: int
    left_channels: Mapping[int, int]
    norm: Placement
    norm3d: Placement


class Aggregation(nn.Module):
    """Base of aggregations. A subclass takes an `AggregationInput` and its own options as keywords.

    Attributes:
        divisor: Planes, height and width of the volume are padded to multiples of it.
        accepts_lazy_volume: All that `forward` does with the volume is to hand it to a `VolumeConv`, which
            convolves it without holding it in memory.
    """

    divisor = 1
    accepts_lazy_volume = False

    def forward(self, volume: Any, left_features: Mapping[int, Tensor]) -> list[Tensor]:
        """Return logits [N, 1, D, h, w] from coarse to fine; larger is a better match.

        Args:
            volume: Cost volume [N, C, D, h, w], a `LazyVolume` where `accepts_lazy_volume` is set.
            left_features: Feature maps of the left view [N, C, H/s, W/s], by stride s.

        Returns:
            One volume of logits per output; in evaluation the last one is enough.
        """
        raise NotImplementedError
