"""The contract of every aggregation: cost volume -> matching logits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from dsmnet.layers.norms.placement import Placement


@dataclass(frozen=True)
class AggregationInput:
    """Channels and normalisation that a network offers to its aggregation."""

    volume_channels: int
    left_channels: Mapping[int, int]  # of the left view's feature maps, by stride
    norm: Placement  # of 2-D convolutions
    norm3d: Placement  # of 3-D convolutions


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
        """Return logits [N, 1, D, h, w], coarse to fine, larger for a better match; in evaluation the last.

        The volume [N, C, D, h, w] is a `LazyVolume` where `accepts_lazy_volume` is set. Feature maps of the
        left view are [N, C, H/s, W/s], by stride s.
        """
        raise NotImplementedError
