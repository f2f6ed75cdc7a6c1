"""The plain cost-volume network, of which PSMNet and GwcNet are configurations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from dsmnet.layers.norms.placement import Placement
from dsmnet.models.stereo_net import StereoNet, StereoOutput, kaiming_fan_out, to_channels_last
from dsmnet.stages.regression import FullSizeSoftArgmax


class CostVolumeNet(StereoNet):
    """Features, cost volume, 3-D aggregation, expectation over the disparities at full size.

    Args:
        norm: Placement of the 2-D normalisation.
        norm3d: Placement of the normalisation inside cost volumes.
        normalize: what happens to the input image.
        features: Makes an extractor from `norm`.
        volume: Makes a volume from the feature channels.
        aggregation: Makes an aggregation from the volume's channels and the features' (by stride).
        stride: of the features that are matched.
        max_disparity: Default search range in pixels.
    """

    def __init__(
        self,
        *,
        norm: Placement,
        norm3d: Placement,
        normalize: nn.Module,
        features: Callable[..., Any],
        volume: Callable[..., Any],
        aggregation: Callable[..., nn.Module],
        stride: int,
        max_disparity: int,
    ) -> None:
        backbone = features(norm)
        cost_volume = volume(backbone.channels[stride])
        super().__init__(
            normalize=normalize,
            backbone=backbone,
            aggregation=aggregation(cost_volume.out_channels, backbone.channels, norm=norm, norm3d=norm3d),
            stride=stride,
            max_disparity=max_disparity,
        )
        self.volume = cost_volume
        self.regression = FullSizeSoftArgmax(stride)
        kaiming_fan_out(self)
        to_channels_last(self)

    def match(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> StereoOutput:
        """See `StereoNet.match`."""
        lefts, rights = self.extract(left, right)
        volume = self.cost_volume(lefts[self.stride], rights[self.stride], self.planes(max_disparity))
        scores = self.aggregation(volume, lefts)
        return StereoOutput([self.regression(score) for score in scores], scores)

    def plane_of(self, disparity: Tensor, planes: int) -> Tensor:
        """See `StereoNet.plane_of`."""
        return self.regression.plane_of(disparity, planes)
