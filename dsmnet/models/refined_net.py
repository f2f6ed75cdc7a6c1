"""Networks of DSMNet-lite's kind: cost volume and aggregation at 1/4, then refinement to full size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.layers.norms.placement import Placement
from dsmnet.models.stereo_net import StereoNet, StereoOutput, to_channels_last
from dsmnet.stages.aggregation.contract import Aggregation, AggregationInput
from dsmnet.stages.refinement import Refinement
from dsmnet.stages.regression import SoftArgmax


class RefinedNet(StereoNet):
    """Features, cost volume and aggregation at 1/4, then refinement; arguments not listed: `CostVolumeNet`.

    Args:
        refinement: Factory of the refinement, called with the channels of the features by stride.
        window: Radius of the soft-argmax in planes; None for all planes.
    """

    fast_in_bfloat16 = True

    def __init__(
        self,
        *,
        norm: Placement,
        norm3d: Placement,
        normalize: nn.Module,
        features: Callable[..., Any],
        volume: Callable[..., Any],
        aggregation: Callable[..., Aggregation],
        refinement: Callable[..., Refinement],
        window: int | None,
        max_disparity: int,
    ) -> None:
        backbone = features(norm)
        cost_volume = volume(backbone.channels[4])
        given = AggregationInput(cost_volume.out_channels, backbone.channels, norm, norm3d)
        super().__init__(normalize, backbone, cost_volume, aggregation(given), 4, max_disparity)
        self.regression = SoftArgmax(window)
        self.refinement = refinement(backbone.channels)
        to_channels_last(self)

    def match(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> StereoOutput:
        """See `StereoNet.match`."""
        left_features, right_features = self.extract(left, right)
        planes = self.planes(max_disparity)
        volume = self.cost_volume(left_features[self.stride], right_features[self.stride], planes)
        logits = self.aggregation(volume, left_features)
        del volume  # held, it would add to the peak, which lies in the refinement
        coarse = self.regression(logits[-1]) * self.stride
        refined = self._refine(coarse, left_features, right_features)
        if not self.training:
            return StereoOutput(refined[-1:], logits[-1:])
        full = F.interpolate(coarse, size=left.shape[-2:], mode="bilinear", align_corners=False)
        return StereoOutput([full, *refined], logits)

    def _refine(
        self, coarse: Tensor, left_features: dict[int, Tensor], right_features: dict[int, Tensor]
    ) -> list[Tensor]:
        """Refine in full precision: with 8 bits of a disparity of 100 px, half a pixel is lost."""
        device = coarse.device.type
        if not torch.is_autocast_enabled(device):
            return self.refinement(coarse, left_features, right_features)
        with torch.autocast(device, enabled=False):
            left, right = (
                {stride: maps.float() for stride, maps in features.items()}
                for features in (left_features, right_features)
            )
            return self.refinement(coarse.float(), left, right)
