"""Semi-global aggregation whose 3-D convolutions run at half of the volume's resolution."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.layers.conv import Conv3d, ConvNormAct
from dsmnet.layers.norms.placement import Placement
from dsmnet.ops import sga
from dsmnet.ops.backend import memory_format
from dsmnet.ops.shuffle3d import shuffle3d, unshuffle3d
from dsmnet.stages.aggregation.contract import Aggregation, AggregationInput
from dsmnet.stages.aggregation.semi_global import HalfHourglass, guide_network


class ThinHourglass(nn.Module):
    """`HalfHourglass` with a third of its multiplications.

    The coarse map is added instead of concatenated, and the last convolution looks within a plane alone.
    """

    def __init__(self, in_channels: int, widths: tuple[int, int], norm: Placement) -> None:
        super().__init__()
        half, quarter = widths
        self.down1 = ConvNormAct(in_channels, half, norm, stride=2, ndim=3)
        self.down2 = ConvNormAct(half, quarter, norm, stride=2, ndim=3)
        self.inner = ConvNormAct(quarter, quarter, norm, ndim=3)
        self.reduce = Conv3d(quarter, half, 1, bias=False)
        self.mix = ConvNormAct(half, half, norm, kernel=(1, 3, 3), ndim=3)

    def forward(self, volume: Tensor) -> Tensor:
        """Volume [N, C, D, h, w] -> [N, widths[0], D/2, h/2, w/2]."""
        half = self.down1(volume)
        up = self.reduce(self.inner(self.down2(half)))
        up = F.interpolate(up, size=half.shape[2:], mode="trilinear", align_corners=False)
        return self.mix(up + half)


class Correction(nn.Module):
    """Learned correction of smoothed logits, from their 2x2x2 blocks and the context at half resolution.

    A block holds two planes; with `flat` the convolutions look at no others.
    """

    def __init__(self, context: int, width: int, *, flat: bool = False) -> None:
        super().__init__()
        kernel = (1 if flat else 3, 3, 3)
        padding = (kernel[0] // 2, 1, 1)
        self.proj_scores = Conv3d(16, width, kernel, padding=padding)
        self.proj_context = Conv3d(context, width, 1, bias=False)
        self.out = Conv3d(width, 8, kernel, padding=padding)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, smooth: Tensor, logits: Tensor, context: Tensor) -> Tensor:
        """Logits [N, D, h, w] and context [N, C, D/2, h/2, w/2] -> correction [N, D, h, w]."""
        both = torch.cat([unshuffle3d(smooth), unshuffle3d(logits)], dim=1)
        both = both.contiguous(memory_format=memory_format(context))
        hidden = self.proj_scores(both).add_(self.proj_context(context))
        return shuffle3d(self.out(F.relu(hidden, inplace=True)))


class HalfSemiGlobalAggregation(Aggregation):
    """`SemiGlobalAggregation` at an eighth of the 3-D convolutions' cost.

    Logits go to half resolution as eight channels per 2x2x2 voxels and come back the same way, so that each
    voxel keeps a correction of its own.
    `widths` are the channels of the context at 1/2 and 1/4 of the volume's resolution. With `thin`, context
    and corrections take a third of the multiplications.
    """

    def __init__(
        self,
        given: AggregationInput,
        *,
        widths: tuple[int, int] = (16, 32),
        passes: int = 2,
        guide_width: int = 32,
        initial_scale: float = 10.0,
        thin: bool = False,
    ) -> None:
        super().__init__()
        self.passes = passes
        hourglass = ThinHourglass if thin else HalfHourglass
        self.hourglass = hourglass(given.volume_channels, widths, given.norm3d)
        self.score = Conv3d(widths[0], 8, 3, padding=1)
        self.scale = nn.Parameter(torch.tensor(initial_scale))
        self.corrections = nn.ModuleList(Correction(widths[0], widths[0], flat=thin) for _ in range(passes))
        self.guide = guide_network(given, guide_width, passes)
        self.gain = nn.Parameter(torch.zeros(passes + 1))

    def forward(self, volume: Tensor, left_features: Mapping[int, Tensor]) -> list[Tensor]:
        """See `Aggregation`: logits before the first pass and after each."""
        n, _, *size = volume.shape
        weights = self.guide(left_features[4]).view(n, self.passes, 4, 5, *size[1:]).float().softmax(3)
        odd = [extent % 2 for extent in size]
        if any(odd):
            volume = F.pad(volume, (0, odd[2], 0, odd[1], 0, odd[0]))
            weights = F.pad(weights, (0, odd[2], 0, odd[1]))
        context = self.hourglass(volume)
        logits = self.scale * volume.mean(1) + shuffle3d(self.score(context))
        outputs = [logits * self.gain[0].exp()]
        for k, correction in enumerate(self.corrections):
            smooth = sga(logits[:, None].float(), weights[:, k], reduce="mean")[:, 0]
            logits = smooth + correction(smooth, logits, context)
            outputs.append(logits * self.gain[k + 1].exp())
        return [logits[:, None, : size[0], : size[1], : size[2]] for logits in outputs]
