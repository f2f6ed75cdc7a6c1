"""RAFT-Stereo (Lipson, Teed and Deng, "RAFT-Stereo: Multilevel recurrent field transforms", 3DV 2021)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dsmnet.layers.norms.placement import Placement
from dsmnet.models.stereo_net import StereoNet, StereoOutput, kaiming_fan_out, to_channels_last
from dsmnet.ops.backend import widen
from dsmnet.options import check_whole
from dsmnet.stages.features.raft_encoder import ContextPyramid, EncoderTrunk, MatchedFeatures
from dsmnet.stages.iterative.step_contract import Correlation
from dsmnet.stages.iterative.update import MotionEncoder, MultiLevelUpdate, size_of_last
from dsmnet.stages.refinement import convex_upsample


class RAFTStereo(StereoNet):
    """Correlation of all pairs of a row, looked up and followed in steps by recurrent units.

    The network has no search range: every column of the right view is compared, `max_disparity` changes
    nothing, and disparities may be negative. Inside it counts the flow, which is minus the disparity.

    Args:
        norm: Normalisation of the feature encoder, with `head_norm` that of the one trunk.
        context_norm: Normalisation of the context encoder.
        head_norm: Given, one trunk serves features and context, and this is the normalisation of the block
            that turns its map into the matched one; None for two trunks.
        freeze_batch_norm: Whether batch norms on the context's way keep their statistics in training.
        correlation: Correlation, see `dsmnet.stages.iterative`.
        stride: Stride of the matched maps: 1, 2, 4 or 8.
        widths: Channels of the trunks' three stages.
        matched: Channels of the matched maps.
        hidden: Channels of the recurrent units' states.
        levels: Number of resolutions of the recurrent units.
        slow_fast: Whether coarse units are updated more often, see `MultiLevelUpdate`.
        iterations: Steps of a prediction.
        train_iterations: Steps in training.
        max_disparity: Pixels that programs take for a range where they need one, as tiles do.
    """

    has_range = False

    def __init__(
        self,
        *,
        norm: Placement,
        context_norm: Placement,
        head_norm: Placement | None,
        freeze_batch_norm: bool,
        normalize: nn.Module,
        correlation: Correlation,
        stride: int,
        widths: Sequence[int],
        matched: int,
        hidden: int,
        levels: int,
        slow_fast: bool,
        iterations: int,
        train_iterations: int,
        max_disparity: int,
    ) -> None:
        trunk = functools.partial(EncoderTrunk, stride=stride, widths=widths)
        backbone = MatchedFeatures(trunk(norm), out_channels=matched, head_norm=head_norm)
        super().__init__(normalize, backbone, None, None, stride, max_disparity)
        self.iterations = check_whole("model.iterations", iterations)
        self.train_iterations = check_whole("model.train_iterations", train_iterations)
        self.freeze_batch_norm = freeze_batch_norm
        self.correlation = correlation
        self.context_trunk = trunk(context_norm) if head_norm is None else None
        self.context = ContextPyramid(context_norm, width=widths[2], levels=levels, hidden=hidden)
        self.motion = MotionEncoder(correlation.channels, estimate=2, width=hidden)
        self.update = MultiLevelUpdate(levels=levels, hidden=hidden, motion=hidden, slow_fast=slow_fast)
        self.flow_head = _head(hidden, nn.Conv2d(2 * hidden, 2, 3, padding=1))
        self.mask_head = _head(hidden, nn.Conv2d(2 * hidden, 9 * stride**2, 1))
        for part in (self.backbone, self.context_trunk, self.context):
            if part is not None:
                kaiming_fan_out(part)
        to_channels_last(self)

    def match(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> StereoOutput:
        """See `StereoNet.match`; one disparity per step in training, and no logits."""
        left_map, right_map, seen = self._encode(left, right)
        states, gates = self.context(seen)
        scores = self.correlation(left_map, right_map)
        n, _, h, w = left_map.shape
        place = torch.arange(w, device=left.device, dtype=widen(left_map).dtype).expand(n, 1, h, w)
        flow = torch.zeros_like(place)
        disparities, sizes = [], []
        steps = self.train_iterations if self.training else self.iterations
        for step in range(steps):
            flow = flow.detach()
            found = scores.look_up(place + flow)
            # The published units see a flow of two axes, of which the vertical one stays 0.
            motion = self.motion(found, torch.cat([flow, torch.zeros_like(flow)], dim=1))
            states = self.update(states, gates, motion)
            change = self.flow_head(states[0])[:, :1]
            flow = flow + change
            sizes.append(change)
            if self.training or step == steps - 1:
                mask = 0.25 * self.mask_head(states[0])
                disparities.append(convex_upsample(-flow, mask, self.stride, outside="constant"))
        return StereoOutput(disparities, [], size_of_last(sizes, self.stride))

    def train(self, mode: bool = True) -> RAFTStereo:
        """Set the mode; frozen batch norms stay as in evaluation."""
        super().train(mode)
        if self.freeze_batch_norm:
            trunk = self.context_trunk or cast(MatchedFeatures, self.backbone).trunk
            for module in (*trunk.modules(), *self.context.modules()):
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def _encode(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the matched maps of both views, and the map of the left one that the context is made of."""
        if self.context_trunk is not None:
            left_features, right_features = self.extract(left, right)
            return left_features[self.stride], right_features[self.stride], self.context_trunk(left)
        self._check(left, right)
        backbone = cast(MatchedFeatures, self.backbone)
        both = backbone.trunk(torch.cat([left, right]))
        left_map, right_map = backbone.out(both).chunk(2)
        return left_map, right_map, both.chunk(2)[0]


def _head(width: int, last: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(inplace=True), last)
