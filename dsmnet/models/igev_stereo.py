"""IGEV-Stereo (Xu et al., "Iterative geometry encoding volume for stereo matching", CVPR 2023), RT-IGEV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dsmnet.layers.conv import ConvNormAct
from dsmnet.layers.norms.placement import Placement
from dsmnet.models.stereo_net import StereoNet, StereoOutput, kaiming_fan_out, to_channels_last
from dsmnet.options import check_whole
from dsmnet.stages.aggregation.contract import AggregationInput
from dsmnet.stages.aggregation.geometry_encoding import GeometryEncoding
from dsmnet.stages.features.geometry_unet import LEAKY, GeometryUNet, MapContext, UpsampleLogits, two_convs
from dsmnet.stages.features.raft_encoder import ContextPyramid, EncoderTrunk
from dsmnet.stages.iterative.geometry_lookup import GeometryLookup
from dsmnet.stages.iterative.update import MotionEncoder, MultiLevelUpdate, size_of_last
from dsmnet.stages.refinement import convex_upsample
from dsmnet.stages.regression import SoftArgmax

_STRIDE = 4


class IGEVStereo(StereoNet):
    """A geometry encoding volume gives a first disparity, which recurrent units move in steps.

    Args:
        norm: Normalisation of MobileNetV2.
        up_norm: Normalisation of the other convolutions of the features, up to those that are matched.
        context_norm: Normalisation of the context, of attention, and of the upsampling of the steps.
        norm3d: Normalisation of 3-D convolutions.
        freeze_batch_norm: Whether 2-D batch norms keep their statistics in training.
        volume: Factory of the cost volume, called with the number of matched channels.
        lookup: Look-up, see `GeometryLookup`.
        volume_stem: Whether the volume is convolved and weighted before the hourglass.
        widths: Channels of MobileNetV2, see there.
        context_widths: Channels of the context encoder's three stages; None: the features are the context.
        hidden: Channels of the recurrent units' states.
        motion: Channels of the motion encoder's branches.
        head: Channels of the disparity head.
        levels: Number of resolutions of the recurrent units; 1 without a context encoder.
        iterations: Steps of a prediction.
        train_iterations: Steps in training.
    """

    def __init__(
        self,
        *,
        norm: Placement,
        up_norm: Placement,
        context_norm: Placement,
        norm3d: Placement,
        freeze_batch_norm: bool,
        normalize: nn.Module,
        volume: Callable[..., Any],
        lookup: GeometryLookup,
        volume_stem: bool,
        widths: Sequence[int],
        context_widths: Sequence[int] | None,
        hidden: int,
        motion: int,
        head: int,
        levels: int,
        iterations: int,
        train_iterations: int,
        max_disparity: int,
    ) -> None:
        backbone = GeometryUNet(norm, up_norm, widths=widths)
        half, width = backbone.channels[2], backbone.channels[_STRIDE]
        cost = volume(width)
        given = AggregationInput(cost.out_channels, backbone.channels, context_norm, norm3d)
        aggregation = GeometryEncoding(given, stem=volume_stem)
        super().__init__(normalize, backbone, cost, aggregation, _STRIDE, max_disparity)
        self.iterations = check_whole("model.iterations", iterations)
        self.train_iterations = check_whole("model.train_iterations", train_iterations)
        conv = ConvNormAct(width, width, up_norm, act=LEAKY)
        self.to_matched = nn.Sequential(conv, nn.Conv2d(width, width, 1))
        self.first_features = two_convs(width, widths[2], up_norm)
        self.first_mask = UpsampleLogits(widths[2], half, up_norm)
        self.lookup, self.regression = lookup, SoftArgmax()
        self.context_trunk: nn.Module | None = None
        self.context: nn.Module
        if context_widths is None:
            check_whole("model.levels", levels, most=1)
            self.context = MapContext(context_norm, width=width, hidden=hidden)
        else:
            self.context_trunk = EncoderTrunk(context_norm, stride=_STRIDE, widths=context_widths)
            place = {"width": context_widths[2], "levels": levels, "hidden": hidden}
            self.context = ContextPyramid(context_norm, **place)
        self.motion = MotionEncoder(lookup.channels(cost.out_channels), width=hidden, inner=motion)
        self.update = MultiLevelUpdate(levels=levels, hidden=hidden, motion=hidden)
        self.disparity_head = nn.Sequential(
            nn.Conv2d(hidden, head, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(head, 1, 3, padding=1)
        )
        self.step_features = nn.Sequential(nn.Conv2d(hidden, half, 3, padding=1), nn.ReLU(inplace=True))
        self.step_mask = UpsampleLogits(half, half, context_norm)
        # By name: in a process group torch's own batch norms of all dimensions become one kind.
        self.frozen = [
            name for name, m in self.named_modules() if freeze_batch_norm and isinstance(m, nn.BatchNorm2d)
        ]
        kaiming_fan_out(self)
        to_channels_last(self)

    def features(self, image: Tensor) -> Tensor:
        """See `StereoNet.features`."""
        matched: Tensor = self.to_matched(super().features(image))
        return matched

    def match(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> StereoOutput:
        """See `StereoNet.match`; in training the first disparity, then one per step."""
        seen, seen_right = self.extract(left, right)
        maps = self.to_matched(torch.cat([seen[_STRIDE], seen_right[_STRIDE]]))
        left_map, right_map = maps.chunk(2)
        volume = self.cost_volume(left_map, right_map, self.planes(max_disparity))
        geometry = self.aggregation.encode(volume, seen)
        logits = self.aggregation.head(geometry)
        with torch.autocast(left.device.type, enabled=False):
            disparity = self.regression(logits)
        disparities, changes = [], []
        if self.training:
            mask = self.first_mask(self.first_features(seen[_STRIDE]), seen[2])
            disparities.append(convex_upsample(disparity, mask, _STRIDE, outside="constant"))
        context = seen[_STRIDE] if self.context_trunk is None else self.context_trunk(left)
        states, gates = self.context(context)
        scores = self.lookup(geometry, left_map, right_map)
        steps = self.train_iterations if self.training else self.iterations
        for step in range(steps):
            disparity = disparity.detach()
            motion = self.motion(scores.look_up(disparity), disparity)
            states = self.update(states, gates, motion)
            change = self.disparity_head(states[0])
            disparity = disparity + change
            changes.append(change)
            if self.training or step == steps - 1:
                mask = self.step_mask(self.step_features(states[0]), seen[2])
                disparities.append(convex_upsample(disparity, mask, _STRIDE, outside="constant"))
        return StereoOutput(disparities, [logits], size_of_last(changes, _STRIDE))

    def train(self, mode: bool = True) -> IGEVStereo:
        """Set the mode; frozen batch norms stay as in evaluation."""
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self
