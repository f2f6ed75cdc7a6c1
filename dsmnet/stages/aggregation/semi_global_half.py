"""Semi-global aggregation whose 3-D convolutions run at half of the volume's resolution."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.layers.conv import Conv3d
from dsmnet.ops import sga
from dsmnet.ops.backend import memory_format
from dsmnet.ops.shuffle3d import shuffle3d, unshuffle3d
from dsmnet.stages.aggregation.contract import Aggregation, AggregationInput
from dsmnet.stages.aggregation.semi_global import HalfHourglass, guide_network


class Correction(nn.Module):
    """Learned correction of smoothed logits, from their 2x2x2 blocks and the context at half resolution."""

    def __init__(self, context: int, width: int) -> None:
        super().__init__()
        self.proj_scores = Conv3d(16, width, 3, padding=1)
        self.proj_context = Conv3d(context, width, 1, bias=False)
        self.out = Conv3d(width, 8, 3, padding=1)
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
    `widths` are the channels of the context at 1/2 and 1/4 of the volume's resolution.
    """

    def __init__(
        self,
        given: AggregationInput,
        *,
        widths: tuple[int, int] = (16, 32),
        passes: int = 2,
        guide_width: int = 32,
        initial_scale: float = 10.0,
    ) -> None:
        super().__init__()
        self.passes = passes
        self.hourglass = HalfHourglass(given.volume_channels, widths, given.norm3d)
        self.score = Conv3d(widths[0], 8, 3, padding=1)
        self.scale = nn.Parameter(torch.tensor(initial_scale))
        self.corrections = nn.ModuleList(Correction(widths[0], widths[0]) for _ in range(passes))
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
