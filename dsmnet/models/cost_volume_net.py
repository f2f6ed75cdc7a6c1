"""The plain cost-volume network, of which PSMNet and GwcNet are configurations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from dsmnet.layers.norms.placement import Placement
from dsmnet.models.stereo_net import StereoNet, StereoOutput, kaiming_fan_out, to_channels_last
from dsmnet.stages.aggregation.contract import Aggregation, AggregationInput
from dsmnet.stages.regression import FullSizeSoftArgmax


class CostVolumeNet(StereoNet):
    """Features, cost volume, 3-D aggregation, soft-argmax at full size; arguments not listed: `StereoNet`.

    Args:
        norm: Normalisation of 2-D convolutions.
        norm3d: Normalisation of 3-D convolutions.
        features: Factory of the feature extractor, called with `norm`.
        volume: Factory of the cost volume, called with the number of feature channels.
        aggregation: Factory of the aggregation, called with an `AggregationInput`.
    """

    def __init__(
        self,
        *,
        norm: Placement,
        norm3d: Placement,
        normalize: nn.Module,
        features: Callable[..., Any],
        volume: Callable[..., Any],
        aggregation: Callable[..., Aggregation],
        stride: int,
        max_disparity: int,
    ) -> None:
        backbone = features(norm)
        cost_volume = volume(backbone.channels[stride])
        given = AggregationInput(cost_volume.out_channels, backbone.channels, norm, norm3d)
        super().__init__(normalize, backbone, cost_volume, aggregation(given), stride, max_disparity)
        self.regression = FullSizeSoftArgmax(stride)
        kaiming_fan_out(self)
        to_channels_last(self)

    def match(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> StereoOutput:
        """See `StereoNet.match`."""
        left_features, right_features = self.extract(left, right)
        planes = self.planes(max_disparity)
        volume = self.cost_volume(left_features[self.stride], right_features[self.stride], planes)
        logits = self.aggregation(volume, left_features)
        return StereoOutput([self.regression(each) for each in logits], logits)

    def plane_of(self, disparity: Tensor, planes: int) -> Tensor:
        """See `StereoNet.plane_of`."""
        return self.regression.plane_of(disparity, planes)
