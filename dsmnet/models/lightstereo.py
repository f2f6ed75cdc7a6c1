"""LightStereo (Guo et al., "Channel boost is all you need for efficient 2D cost aggregation", ICRA 2025)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.layers.conv import ConvNormAct
from dsmnet.layers.norms.placement import Placement
from dsmnet.models.stereo_net import StereoNet, StereoOutput, to_channels_last
from dsmnet.stages.aggregation.contract import Aggregation, AggregationInput
from dsmnet.stages.features.mobile_pyramid import merge_up
from dsmnet.stages.refinement import convex_upsample
from dsmnet.stages.regression import SoftArgmax

_STRIDE = 4


class LightStereo(StereoNet):
    """Features, correlation, 2-D aggregation over planes as channels, soft-argmax, convex upsampling.

    The number of planes is one of channels and thus fixed by `max_disparity`: another range asked of a
    prediction changes nothing. Arguments not listed: `CostVolumeNet`.

    Args:
        norm3d: Normalisation of the aggregation, although its convolutions are 2-D.
        head_norm: Normalisation of the matched maps, and of those that guide the upsampling at 1/4.
        features: Factory of the feature extractor, called with `norm` and `head_norm`.
    """

    has_range = False

    def __init__(
        self,
        *,
        norm: Placement,
        norm3d: Placement,
        head_norm: Placement,
        normalize: nn.Module,
        features: Callable[..., Any],
        volume: Callable[..., Any],
        aggregation: Callable[..., Aggregation],
        max_disparity: int,
    ) -> None:
        backbone = features(norm, head_norm)
        channels = backbone.channels
        given = AggregationInput(-(-max_disparity // _STRIDE), channels, norm, norm3d)
        parts = volume(channels[_STRIDE]), aggregation(given)
        super().__init__(normalize, backbone, *parts, _STRIDE, max_disparity)
        self.regression = SoftArgmax()
        self.upsampling = UpsamplingLogits(channels[_STRIDE], norm, head_norm)
        to_channels_last(self)

    def match(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> StereoOutput:
        """See `StereoNet.match`."""
        left_features, right_features = self.extract(left, right)
        volume = self.cost_volume(left_features[_STRIDE], right_features[_STRIDE], self.planes())
        logits = self.aggregation(volume, left_features)
        coarse = self.regression(logits[-1])
        weights = self.upsampling(left_features[_STRIDE], left)
        final = convex_upsample(coarse, weights, _STRIDE, outside="constant")
        if not self.training:
            return StereoOutput([final], logits)
        full = F.interpolate(_STRIDE * coarse, size=left.shape[-2:], mode="bilinear", align_corners=False)
        return StereoOutput([full, final], logits)


class UpsamplingLogits(nn.Module):
    """Logits of `convex_upsample` by 4 from the matched map, and at 1/2 from the image.

    `norm` is that at 1/2, `head_norm` that at 1/4.
    """

    def __init__(self, channels: int, norm: Placement, head_norm: Placement) -> None:
        super().__init__()
        leaky = functools.partial(nn.LeakyReLU, inplace=True)
        self.at_quarter = nn.Sequential(
            ConvNormAct(channels, 24, head_norm, act=leaky), ConvNormAct(24, 24, head_norm)
        )
        self.at_half = nn.Sequential(ConvNormAct(3, 16, norm, stride=2, act=leaky), ConvNormAct(16, 16, norm))
        self.merge = merge_up(24, 16, norm)
        self.out = nn.ConvTranspose2d(16, 9, 4, 2, 1, bias=False)

    def forward(self, matched: Tensor, image: Tensor) -> Tensor:
        """Maps [N, channels, H/4, W/4] and image [N, 3, H, W] -> [N, 9 * 16, H/4, W/4]."""
        full = self.out(self.merge(self.at_quarter(matched), self.at_half(image)))
        return F.pixel_unshuffle(full, _STRIDE)
