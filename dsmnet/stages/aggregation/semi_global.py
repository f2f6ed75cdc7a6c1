"""Aggregation with a strong prior: semi-global passes that smooth from the first step on."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.layers.conv import ConvNormAct, ResidualBlock, UpsampleMerge
from dsmnet.layers.conv3d import Conv3d, conv3d
from dsmnet.layers.norms.checks import memory_format
from dsmnet.layers.norms.placement import Placement
from dsmnet.ops import sga

# Logits of (self, same plane, plane - 1, plane + 1, maximum) at the start: a smoother over some pixels.
_PRIOR = (1.0, 2.0, 0.0, 0.0, -2.0)


def smoothing_guide(channels: int, width: int, passes: int, norm: Placement) -> nn.Sequential:
    """Return what makes the logits of the passes' weights, [N, 20 passes, h, w], of the left view's features.

    Before any training they are those of a smoother over some pixels.
    """
    last = nn.Conv2d(width, passes * 20, 3, padding=1)
    guide = nn.Sequential(ConvNormAct(channels, width, norm), last)
    nn.init.normal_(last.weight, std=1e-3)
    with torch.no_grad():
        assert last.bias is not None
        last.bias.copy_(torch.tensor(_PRIOR).repeat(passes * 4))
    return guide


class HalfHourglass(nn.Module):
    """A 3-D U-net over half and a quarter of the volume's resolution, which stays at half of it.

    Args:
        in_channels: of the volume.
        widths: Channels at half and at a quarter.
        norm: of its convolutions.
    """

    def __init__(self, in_channels: int, widths: tuple[int, int], norm: Placement) -> None:
        super().__init__()
        half, quarter = widths
        self.down1 = ConvNormAct(in_channels, half, norm, stride=2, ndim=3)
        self.inner1 = ResidualBlock(half, norm, ndim=3)
        self.down2 = ConvNormAct(half, quarter, norm, stride=2, ndim=3)
        self.inner2 = ResidualBlock(quarter, norm, ndim=3, stage=2)
        self.up = UpsampleMerge(quarter, half, half, norm, ndim=3)

    def forward(self, volume: Tensor) -> Tensor:
        """[N, C, D, h, w] -> [N, widths[0], D/2, h/2, w/2]."""
        half = self.inner1(self.down1(volume))
        return self.up(self.inner2(self.down2(half)), half)


class Hourglass(HalfHourglass):
    """The same, enlarged and added to its input."""

    def __init__(self, channels: int, widths: tuple[int, int], norm: Placement) -> None:
        super().__init__(channels, widths, norm)
        self.out = Conv3d(widths[0], channels, 1)

    def forward(self, volume: Tensor) -> Tensor:
        """[N, C, D, h, w] -> the same shape."""
        change = self.out(super().forward(volume))
        return volume + F.interpolate(change, size=volume.shape[2:], mode="trilinear", align_corners=False)


class SemiGlobalAggregation(nn.Module):
    """Volume -> scores: a small 3-D network, then guided semi-global passes with corrections between them.

    A pass is SGA (GANet, Zhang et al. 2019) with the mean over the four directions instead of the maximum:
    every direction then receives a gradient, and the result keeps the scale of its input.

    Contract of the slot: `forward(volume [N, G, D, h, w], lefts) -> list of scores [N, 1, D, h, w]`, from raw
    to final, larger is better; `lefts` are the left view's feature maps by stride.
    """

    def __init__(
        self,
        in_channels: int,
        channels: Mapping[int, int],
        *,
        norm: Placement,
        norm3d: Placement,
        width: int = 12,
        hourglass: tuple[int, int] = (24, 32),
        passes: int = 2,
        guide_width: int = 32,
        initial_scale: float = 10.0,
    ) -> None:
        super().__init__()
        self.passes = passes
        self.enter = ConvNormAct(in_channels, width, norm3d, ndim=3)
        self.hourglass = Hourglass(width, hourglass, norm3d)
        self.score = Conv3d(width, 1, 3, padding=1)
        self.scale = nn.Parameter(torch.tensor(initial_scale))
        self.corrections = nn.ModuleList(
            nn.Sequential(
                Conv3d(2 + width, width, 3, padding=1),
                nn.ReLU(inplace=True),
                Conv3d(width, 1, 3, padding=1),
            )
            for _ in range(passes)
        )
        self.guide = smoothing_guide(channels[4], guide_width, passes, norm)
        self.gain = nn.Parameter(torch.zeros(passes + 1))
        for correction in self.corrections:
            assert isinstance(correction, nn.Sequential)
            for parameter in correction[-1].parameters():
                nn.init.zeros_(parameter)

    def forward(self, volume: Tensor, lefts: Mapping[int, Tensor]) -> list[Tensor]:
        """See the class."""
        n, _, _, h, w = volume.shape
        weights = self.guide(lefts[4]).view(n, self.passes, 4, 5, h, w).float().softmax(3)
        context = self.hourglass(self.enter(volume))
        score = self.scale * volume.mean(1, keepdim=True) + self.score(context)
        scores = [score * self.gain[0].exp()]
        layout = memory_format(context)
        for k, seen in enumerate(self._see_context(context)):
            smooth = sga(score.float(), weights[:, k], reduce="mean")
            both = torch.cat([smooth, score], dim=1).contiguous(memory_format=layout)
            score = smooth + self._correct(k, both, seen)
            scores.append(score * self.gain[k + 1].exp())
        return scores

    def _see_context(self, context: Tensor) -> tuple[Tensor, ...]:
        """What the first convolution of each correction makes of the context, its bias included.

        The convolution of joined inputs is the sum of theirs. That of the context is the same in all passes,
        and one with more channels is faster than several with few.
        """
        first = [correction[0] for correction in self.corrections]  # type: ignore[index]
        if not first:
            return ()
        kernels = torch.cat([conv.weight[:, 2:] for conv in first])
        biases = torch.cat([conv.bias for conv in first])
        return conv3d(context, kernels, biases, padding=(1, 1, 1)).chunk(len(first), dim=1)

    def _correct(self, k: int, scores: Tensor, seen: Tensor) -> Tensor:
        """Correction `k` from the two scores and from what it sees of the context."""
        first, act, last = self.corrections[k].children()
        assert isinstance(first, nn.Conv3d)
        return last(act(conv3d(scores, first.weight[:, :2], padding=(1, 1, 1)) + seen))
