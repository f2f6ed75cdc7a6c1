"""What every network of this project has in common."""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm
from typing import Any, cast

import torch
from torch import Tensor, nn

from dsmnet.errors import ShapeError
from dsmnet.stages.volumes import FoldedVolume


@dataclass(frozen=True)
class StereoOutput:
    """What a training step sees of a forward pass.

    `disparities` are [N, 1, H, W] in pixels of the image, coarse to fine, the last is the answer.
    `scores` are the aggregated volumes [N, 1, D, h, w] behind them, larger is better.
    """

    disparities: list[Tensor]
    scores: list[Tensor]


class StereoNet(nn.Module):
    """Two normalised views -> disparity. A network states its slots and wires them in `match`.

    Args:
        normalize: Image in [0, 1] -> normalised image; not applied by `forward`, whose input is normalised.
        backbone: Image [N, 3, H, W] -> {stride: map}; has `channels` (by stride), `divisor` and, where images
            must have a least size, `smallest`.
        aggregation: May have a `divisor`, of rows, columns and planes of the volume, and `folds = True` where
            all it does with the volume is to hand it to a `VolumeConv`, which need not see it built.
        stride: At which the volume is built.
        max_disparity: Search range in pixels, exclusive, when a call does not give one.

    Attributes:
        divisor: Height and width of the input are multiples of it.
        smallest: Least height and width of the input.
    """

    volume: Any

    def __init__(
        self,
        *,
        normalize: nn.Module,
        backbone: nn.Module,
        aggregation: nn.Module,
        stride: int,
        max_disparity: int,
    ) -> None:
        super().__init__()
        self.normalize = normalize
        self.backbone = backbone
        self.aggregation = aggregation
        self.stride = stride
        self.max_disparity = max_disparity
        self.plane_divisor = int(getattr(aggregation, "divisor", 1))
        self.divisor = lcm(cast(int, backbone.divisor), stride * self.plane_divisor)
        self.smallest: tuple[int, int] = getattr(backbone, "smallest", (4 * self.divisor,) * 2)

    def forward(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> list[Tensor]:
        """Normalised views [N, 3, H, W] -> disparities [N, 1, H, W] in pixels, the last is the answer."""
        return self.match(left, right, max_disparity).disparities

    def match(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> StereoOutput:
        """Like `forward`, with the volumes; in evaluation only the final disparity is computed.

        Raises:
            ShapeError: The views differ, or are no multiples of `divisor`.
        """
        raise NotImplementedError

    def features(self, image: Tensor) -> Tensor:
        """Return the maps that are matched, [N, C, H/stride, W/stride], of a normalised image."""
        return self.backbone(image)[self.stride]

    def extract(self, left: Tensor, right: Tensor) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """Return the feature maps of both views by stride.

        One pass for both: with batch statistics, left and right share them.
        """
        self._check(left, right)
        both: dict[int, Tensor] = self.backbone(torch.cat([left, right]))
        halves = {stride: maps.chunk(2) for stride, maps in both.items()}
        return {s: half[0] for s, half in halves.items()}, {s: half[1] for s, half in halves.items()}

    def cost_volume(self, left: Tensor, right: Tensor, planes: int) -> Tensor | FoldedVolume:
        """Return the volume of two feature maps [N, C, h, w]: built, or what stands for it.

        It stays unbuilt where the volume has `fold` set and the aggregation declares `folds`. A graph capture
        gets the plain operations.
        """
        volume = self.volume
        capturing = torch.compiler.is_compiling() or torch.jit.is_tracing()
        if getattr(volume, "fold", False) and getattr(self.aggregation, "folds", False) and not capturing:
            return FoldedVolume(volume, left, right, planes)
        built: Tensor = volume(left, right, planes)
        return built

    def planes(self, max_disparity: int | None = None) -> int:
        """Number of planes, of `stride` px each, that cover disparities below `max_disparity`.

        Rounded up to what the aggregation can halve; default: the network's own range.
        """
        planes = -(-(max_disparity or self.max_disparity) // self.stride)
        return -(-planes // self.plane_divisor) * self.plane_divisor

    def plane_of(self, disparity: Tensor, planes: int) -> Tensor:
        """Return where disparities, in pixels, lie among so many planes of scores, counted from 0."""
        return disparity / self.stride

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
                "in training choose crop.height and crop.width so, elsewhere StereoPredictor pads any size"
            )


def to_channels_last(net: nn.Module) -> None:
    """Store kernels channels last: on a CPU, convolutions of few channels run up to four times faster."""
    formats: dict[int, Any] = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in net.parameters():
        if parameter.dim() in formats:
            parameter.data = parameter.data.contiguous(memory_format=formats[parameter.dim()])


def kaiming_fan_out(net: nn.Module) -> None:
    """Start convolutions as PSMNet, GwcNet and DSMNet do: normal, variance 2 / (kernel size * outputs)."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
