"""Semi-global passes over the whole volume; all that is learned in 3-D sees it at half its resolution."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.layers.conv3d import Conv3d
from dsmnet.layers.norms.checks import memory_format
from dsmnet.layers.norms.placement import Placement
from dsmnet.layers.shuffle3d import shuffle3d, unshuffle3d
from dsmnet.ops import sga
from dsmnet.stages.aggregation.semi_global import HalfHourglass, smoothing_guide


class Correction(nn.Module):
    """What is added to a smoothed volume of scores, from its blocks of 2x2x2 voxels and their context."""

    def __init__(self, context: int, width: int) -> None:
        super().__init__()
        self.see_scores = Conv3d(16, width, 3, padding=1)
        self.see_context = Conv3d(context, width, 1, bias=False)
        self.out = Conv3d(width, 8, 3, padding=1)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, smooth: Tensor, score: Tensor, context: Tensor) -> Tensor:
        """Scores [N, D, h, w] and context [N, C, D/2, h/2, w/2] -> [N, D, h, w]."""
        both = torch.cat([unshuffle3d(smooth), unshuffle3d(score)], dim=1)
        both = both.contiguous(memory_format=memory_format(context))
        seen = self.see_scores(both) + self.see_context(context)
        return shuffle3d(self.out(F.relu(seen, inplace=True)))


class HalfSemiGlobalAggregation(nn.Module):
    """The semi-global aggregation for short times: 3-D convolutions at half of the volume's resolution.

    A volume of half the resolution has an eighth of the voxels. Scores are handed down to it as eight
    channels for 2x2x2 voxels and come back so: each voxel keeps a correction of its own.

    Contract of the slot, and the semi-global passes: see `SemiGlobalAggregation`.

    Args:
        in_channels: of the volume.
        channels: of the left view's feature maps, by stride.
        norm: of the guide.
        norm3d: Inside the volume.
        widths: Channels of the context at half and at a quarter of the volume's resolution.
        passes: Number of semi-global passes.
        guide_width: Channels between the features and the weights of the passes.
        initial_scale: of the matching scores before training.
    """

    def __init__(
        self,
        in_channels: int,
        channels: Mapping[int, int],
        *,
        norm: Placement,
        norm3d: Placement,
        widths: tuple[int, int] = (16, 32),
        passes: int = 2,
        guide_width: int = 32,
        initial_scale: float = 10.0,
    ) -> None:
        super().__init__()
        self.passes = passes
        self.hourglass = HalfHourglass(in_channels, widths, norm3d)
        self.score = Conv3d(widths[0], 8, 3, padding=1)
        self.scale = nn.Parameter(torch.tensor(initial_scale))
        self.corrections = nn.ModuleList(Correction(widths[0], widths[0]) for _ in range(passes))
        self.guide = smoothing_guide(channels[4], guide_width, passes, norm)
        self.gain = nn.Parameter(torch.zeros(passes + 1))

    def forward(self, volume: Tensor, lefts: Mapping[int, Tensor]) -> list[Tensor]:
        """See the class."""
        n, _, *size = volume.shape
        weights = self.guide(lefts[4]).view(n, self.passes, 4, 5, *size[1:]).float().softmax(3)
        odd = [extent % 2 for extent in size]
        if any(odd):
            volume = F.pad(volume, (0, odd[2], 0, odd[1], 0, odd[0]))
            weights = F.pad(weights, (0, odd[2], 0, odd[1]))
        context = self.hourglass(volume)
        score = self.scale * volume.mean(1) + shuffle3d(self.score(context))
        scores = [score * self.gain[0].exp()]
        for k, correction in enumerate(self.corrections):
            smooth = sga(score[:, None].float(), weights[:, k], reduce="mean")[:, 0]
            score = smooth + correction(smooth, score, context)
            scores.append(score * self.gain[k + 1].exp())
        return [score[:, None, : size[0], : size[1], : size[2]] for score in scores]
