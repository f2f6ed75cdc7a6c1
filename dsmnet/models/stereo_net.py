"""Base of all stereo networks."""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm
from typing import Any, cast

import torch
from torch import Tensor, nn

from dsmnet.errors import ShapeError
from dsmnet.ops.backend import plain_operations
from dsmnet.stages.volumes import LazyConcatVolume


@dataclass(frozen=True)
class StereoOutput:
    """Outputs of a forward pass."""

    disparities: list[Tensor]  # [N, 1, H, W], pixels, coarse to fine; the last is the final one
    logits: list[Tensor]  # aggregated volumes [N, 1, D, h, w] behind them; larger is a better match
    updates: Tensor | None = (
        None  # of an iterative network: mean size of the last steps, [N, 1, h, w], pixels
    )


class StereoNet(nn.Module):
    """Base of networks from two normalised views to disparity; a subclass wires its parts in `match`.

    Args:
        normalize: Normalisation of images in [0, 1]; not applied by `forward`, whose input is normalised.
        backbone: Feature extractor, see `dsmnet.stages.features`.
        volume: Cost volume, see `dsmnet.stages.volumes`; None where there is none.
        aggregation: Aggregation with the attributes of `dsmnet.stages.aggregation.contract.Aggregation`,
            or None.
        stride: Stride of the cost volume.
        max_disparity: Default search range in pixels, exclusive.

    Attributes:
        divisor: Number to multiples of which predictions pad height and width.
        least_divisor: Number that height and width of the input are multiples of; most often the same.
        smallest: Least height and width of the input.
        fast_in_bfloat16: Whether the network was measured to be faster on CPUs, and as accurate, when its
            convolutions run in half precision.
        has_range: Whether `max_disparity` says what is searched; else it changes nothing, and disparities are
            as the network gives them, below 0 or beyond the range.
    """

    fast_in_bfloat16 = False
    has_range = True

    def __init__(
        self,
        normalize: nn.Module,
        backbone: nn.Module,
        volume: nn.Module | None,
        aggregation: nn.Module | None,
        stride: int,
        max_disparity: int,
    ) -> None:
        super().__init__()
        self.normalize, self.backbone = normalize, backbone
        self.volume, self.aggregation = cast(Any, volume), cast(Any, aggregation)
        self.stride, self.max_disparity = stride, max_disparity
        self.plane_divisor = 1 if aggregation is None else cast(int, aggregation.divisor)
        self.divisor = lcm(cast(int, backbone.divisor), stride * self.plane_divisor)
        accepted = cast(int, getattr(backbone, "least_divisor", backbone.divisor))
        self.least_divisor = lcm(accepted, stride * self.plane_divisor)
        # Below four times the divisor the coarsest maps would be too small for instance statistics.
        self.smallest: tuple[int, int] = getattr(backbone, "smallest", (4 * self.divisor,) * 2)

    def forward(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> list[Tensor]:
        """Normalised views [N, 3, H, W] -> disparities [N, 1, H, W] in pixels, coarse to fine."""
        return self.match(left, right, max_disparity).disparities

    def match(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> StereoOutput:
        """Return disparities and logits; in evaluation only the final disparity is computed."""
        raise NotImplementedError

    def features(self, image: Tensor) -> Tensor:
        """Return the matched feature map [N, C, H/stride, W/stride] of a normalised image."""
        return self.backbone(image)[self.stride]

    def extract(self, left: Tensor, right: Tensor) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """Return the feature maps of both views by stride, from one pass: both share batch statistics."""
        self._check(left, right)
        both: dict[int, Tensor] = self.backbone(torch.cat([left, right]))
        halves = {stride: maps.chunk(2) for stride, maps in both.items()}
        return {s: half[0] for s, half in halves.items()}, {s: half[1] for s, half in halves.items()}

    def cost_volume(self, left: Tensor, right: Tensor, planes: int) -> Tensor | LazyConcatVolume:
        """Return the volume of two feature maps [N, C, h, w], lazy where volume and aggregation can be."""
        lazy = hasattr(self.volume, "convolve") and self.aggregation.accepts_lazy_volume
        if lazy and not plain_operations():
            return LazyConcatVolume(cast(Any, self.volume), left, right, planes)
        return cast(Tensor, self.volume(left, right, planes))

    def planes(self, max_disparity: int | None = None) -> int:
        """Return the number of planes, a multiple of the aggregation's divisor, for a range in pixels.

        That of a network without a range is the same for all.
        """
        pixels = (max_disparity if self.has_range else None) or self.max_disparity
        planes = -(-pixels // self.stride)
        return -(-planes // self.plane_divisor) * self.plane_divisor

    def plane_of(self, disparity: Tensor, planes: int) -> Tensor:
        """Return the (fractional) plane, of so many, of disparities in pixels."""
        return disparity / self.stride

    def _check(self, left: Tensor, right: Tensor) -> None:
        if left.shape != right.shape or left.dim() != 4 or left.shape[1] != 3:
            raise ShapeError(
                f"expected two views of one shape [N, 3, H, W], got left {tuple(left.shape)} and "
                f"right {tuple(right.shape)}"
            )
        h, w = left.shape[-2:]
        if h % self.least_divisor or w % self.least_divisor:
            raise ShapeError(
                f"height and width must be multiples of {self.least_divisor}, got {tuple(left.shape)}; "
                "in training choose crop.height and crop.width so, elsewhere StereoPredictor pads any size"
            )


def to_channels_last(net: nn.Module) -> None:
    """Store kernels channels last: convolutions of few channels run up to four times faster on a CPU."""
    formats: dict[int, Any] = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in net.parameters():
        if parameter.dim() in formats:
            parameter.data = parameter.data.contiguous(memory_format=formats[parameter.dim()])


def kaiming_fan_out(net: nn.Module) -> None:
    """Initialise convolutions as PSMNet, GwcNet and DSMNet: normal, variance 2 / (kernel size * outputs)."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
