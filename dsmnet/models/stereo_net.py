"""StereoNet: every network of this project, as slots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.errors import ShapeError


@dataclass(frozen=True)
class StereoOutput:
    """What a training step sees of a forward pass.

    `disparities` are [N, 1, H, W] in pixels of the image, coarse to fine, the last is the answer.
    `scores` are the aggregated volumes [N, 1, D, h, w] behind them, larger is better.
    """

    disparities: list[Tensor]
    scores: list[Tensor]


class StereoNet(nn.Module):
    """Two normalised views -> disparity.

    Args:
        normalize: image in [0, 1] -> normalised image; not applied by `forward`, whose input is normalised.
        backbone: image [N, 3, H, W] -> {stride: map}; has `channels` (by stride) and `divisor`.
        volume: (left, right, planes) -> [N, G, D, h, w]; has `out_channels`.
        aggregation: (volume, left maps) -> list of scores [N, 1, D, h, w], the last is the answer.
        regression: scores -> disparity [N, 1, h, w] in planes.
        refinement: (disparity in px of the image, left maps, right maps) -> list of [N, 1, H, W].
        stride: at which the volume is built.
        max_disparity: search range in pixels, exclusive, when a call does not give one.
    """

    def __init__(
        self,
        *,
        normalize: nn.Module,
        backbone: nn.Module,
        volume: nn.Module,
        aggregation: nn.Module,
        regression: nn.Module,
        refinement: nn.Module,
        stride: int = 4,
        max_disparity: int = 192,
    ) -> None:
        super().__init__()
        self.normalize = normalize
        self.backbone = backbone
        self.volume = volume
        self.aggregation = aggregation
        self.regression = regression
        self.refinement = refinement
        self.stride = stride
        self.max_disparity = max_disparity
        self.divisor: int = cast(int, backbone.divisor)
        _to_channels_last(self)

    def forward(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> list[Tensor]:
        """Normalised views [N, 3, H, W] -> disparities [N, 1, H, W] in pixels, the last is the answer."""
        return self.match(left, right, max_disparity).disparities

    def features(self, image: Tensor) -> Tensor:
        """Return the maps that are matched, [N, C, H/stride, W/stride], of a normalised image."""
        return self.backbone(image)[self.stride]

    def match(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> StereoOutput:
        """Like `forward`, with the volumes; in evaluation only the final disparity is computed.

        Raises:
            ShapeError: the views differ, or are no multiples of `divisor`.
        """
        self._check(left, right)
        # One pass for both views: with batch statistics, left and right share them.
        both = self.backbone(torch.cat([left, right]))
        lefts = {stride: maps.chunk(2)[0] for stride, maps in both.items()}
        rights = {stride: maps.chunk(2)[1] for stride, maps in both.items()}

        volume = self.volume(lefts[self.stride], rights[self.stride], self.planes(max_disparity))
        scores = self.aggregation(volume, lefts)
        coarse = self.regression(scores[-1]) * self.stride
        refined = self.refinement(coarse, lefts, rights)
        if not self.training:
            return StereoOutput(refined[-1:], scores[-1:])
        full = F.interpolate(coarse, size=left.shape[-2:], mode="bilinear", align_corners=False)
        return StereoOutput([full, *refined], scores)

    def planes(self, max_disparity: int | None = None) -> int:
        """Number of planes that cover disparities below `max_disparity` (default: the network's own)."""
        return -(-(max_disparity or self.max_disparity) // self.stride)

    def _check(self, left: Tensor, right: Tensor) -> None:
        if left.shape != right.shape or left.dim() != 4 or left.shape[1] != 3:
            raise ShapeError(
                f"expected two views of one shape [N, 3, H, W], got left {tuple(left.shape)} and "
                f"right {tuple(right.shape)}"
            )
        h, w = left.shape[-2:]
        if h % self.divisor or w % self.divisor:
            raise ShapeError(
                f"height and width must be multiples of {self.divisor}, got {tuple(left.shape)}; "
                "StereoPredictor pads any size"
            )


def _to_channels_last(net: nn.Module) -> None:
    """Store kernels channels last: on a CPU, convolutions of few channels run up to four times faster."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in net.parameters():
        if parameter.dim() in formats:
            parameter.data = parameter.data.contiguous(memory_format=formats[parameter.dim()])
