"""Semi-global aggregation: guided passes that smooth from the first training step on."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.layers.conv import Conv3d, ConvNormAct, ResidualBlock, UpsampleMerge
from dsmnet.layers.norms.placement import Placement
from dsmnet.ops import sga
from dsmnet.ops.backend import memory_format
from dsmnet.ops.convolution import conv3d
from dsmnet.stages.aggregation.contract import Aggregation, AggregationInput

# Initial logits of (self, same plane, plane - 1, plane + 1, maximum): a smoother over some pixels.
_PRIOR = (1.0, 2.0, 0.0, 0.0, -2.0)


def guide_network(given: AggregationInput, width: int, passes: int) -> nn.Sequential:
    """Return the network from left features at 1/4 to logits of the passes' weights [N, 20 passes, h, w].

    Initialised to a smoother over some pixels.
    """
    last = nn.Conv2d(width, passes * 20, 3, padding=1)
    guide = nn.Sequential(ConvNormAct(given.left_channels[4], width, given.norm), last)
    nn.init.normal_(last.weight, std=1e-3)
    with torch.no_grad():
        assert last.bias is not None
        last.bias.copy_(torch.tensor(_PRIOR).repeat(passes * 4))
    return guide


class HalfHourglass(nn.Module):
    """3-D U-net at 1/2 and 1/4 (`widths` channels) of the volume's resolution; its output stays at 1/2."""

    def __init__(self, in_channels: int, widths: tuple[int, int], norm: Placement) -> None:
        super().__init__()
        half, quarter = widths
        self.down1 = ConvNormAct(in_channels, half, norm, stride=2, ndim=3)
        self.inner1 = ResidualBlock(half, norm, ndim=3)
        self.down2 = ConvNormAct(half, quarter, norm, stride=2, ndim=3)
        self.inner2 = ResidualBlock(quarter, norm, ndim=3, stage=2)
        self.up = UpsampleMerge(quarter, half, half, norm, ndim=3)

    def forward(self, volume: Tensor) -> Tensor:
        """Volume [N, C, D, h, w] -> [N, widths[0], D/2, h/2, w/2]."""
        half = self.inner1(self.down1(volume))
        return self.up(self.inner2(self.down2(half)), half)


class Hourglass(HalfHourglass):
    """`HalfHourglass`, enlarged and added to its input."""

    def __init__(self, channels: int, widths: tuple[int, int], norm: Placement) -> None:
        super().__init__(channels, widths, norm)
        self.out = Conv3d(widths[0], channels, 1)

    def forward(self, volume: Tensor) -> Tensor:
        """Volume [N, C, D, h, w] -> the same shape."""
        change = self.out(super().forward(volume))
        return volume + F.interpolate(change, size=volume.shape[2:], mode="trilinear", align_corners=False)


class SemiGlobalAggregation(Aggregation):
    """A small 3-D network, then guided semi-global passes with learned corrections between them.

    A pass is SGA (GANet, Zhang et al. 2019) with the mean over the four directions instead of the maximum:
    every direction then receives a gradient, and the result keeps the scale of its input.

    There are `width` channels at the volume's resolution and `hourglass` ones at 1/2 and 1/4 of it;
    `guide_width` are those between the left features and the weights of the passes.
    """

    def __init__(
        self,
        given: AggregationInput,
        *,
        width: int = 12,
        hourglass: tuple[int, int] = (24, 32),
        passes: int = 2,
        guide_width: int = 32,
        initial_scale: float = 10.0,
    ) -> None:
        super().__init__()
        self.passes = passes
        self.conv_in = ConvNormAct(given.volume_channels, width, given.norm3d, ndim=3)
        self.hourglass = Hourglass(width, hourglass, given.norm3d)
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
        self.guide = guide_network(given, guide_width, passes)
        self.gain = nn.Parameter(torch.zeros(passes + 1))
        for correction in self.corrections:
            assert isinstance(correction, nn.Sequential)
            for parameter in correction[-1].parameters():
                nn.init.zeros_(parameter)

    def forward(self, volume: Tensor, left_features: Mapping[int, Tensor]) -> list[Tensor]:
        """See `Aggregation`: logits before the first pass and after each."""
        n, _, _, h, w = volume.shape
        weights = self.guide(left_features[4]).view(n, self.passes, 4, 5, h, w).float().softmax(3)
        context = self.hourglass(self.conv_in(volume))
        logits = self.scale * volume.mean(1, keepdim=True) + self.score(context)
        outputs = [logits * self.gain[0].exp()]
        layout = memory_format(context)
        for k, projected in enumerate(self._project(context)):
            smooth = sga(logits.float(), weights[:, k], reduce="mean")
            both = torch.cat([smooth, logits], dim=1).contiguous(memory_format=layout)
            logits = smooth + self._correct(k, both, projected)
            outputs.append(logits * self.gain[k + 1].exp())
        return outputs

    def _project(self, context: Tensor) -> tuple[Tensor, ...]:
        """Return the context's share of the first convolution of each correction, bias included.

        The convolution of concatenated inputs is the sum of theirs. The context is the same in all passes,
        and one convolution with many channels is faster than several with few.
        """
        first = [correction[0] for correction in self.corrections]  # type: ignore[index]
        if not first:
            return ()
        kernels = torch.cat([conv.weight[:, 2:] for conv in first])
        biases = torch.cat([conv.bias for conv in first])
        return conv3d(context, kernels, biases, padding=(1, 1, 1)).chunk(len(first), dim=1)

    def _correct(self, k: int, logits: Tensor, projected: Tensor) -> Tensor:
        """Return correction `k` of smoothed and unsmoothed logits [N, 2, D, h, w]."""
        first, act, last = self.corrections[k].children()
        assert isinstance(first, nn.Conv3d)
        return last(act(conv3d(logits, first.weight[:, :2], padding=(1, 1, 1)) + projected))
