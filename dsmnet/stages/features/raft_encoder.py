"""Residual encoders of RAFT-Stereo (Lipson, Teed and Deng 2021, section 3.1): features, and context."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dsmnet.errors import UserError
from dsmnet.layers.conv import ConvNormAct, ResidualBlock
from dsmnet.layers.norms.placement import Placement
from dsmnet.stages.iterative.step_contract import Gates


def raft_block(channels: int, norm: Placement, given: int, stride: int = 1, **place: int) -> ResidualBlock:
    """Return a residual block as RAFT has it: with biases, and a ReLU before the sum too."""
    options = {"in_channels": given, "stride": stride, "branch_act": True, "bias": True, **place}
    return ResidualBlock(channels, norm, **options)  # type: ignore[arg-type]


def raft_stage(channels: int, norm: Placement, given: int, stride: int, stage: int) -> nn.Sequential:
    """Return two blocks of one resolution, the number `stage` of an encoder."""
    first = raft_block(channels, norm, given, stride, stage=stage, last=False)
    return nn.Sequential(first, raft_block(channels, norm, channels, stage=stage))


class EncoderTrunk(nn.Module):
    """A 7x7 convolution and three stages, of which the first keeps the size and the last one halves it first.

    `widths` are the channels of the stages, the first of them also that of the convolution.
    """

    def __init__(self, norm: Placement, *, stride: int, widths: Sequence[int]) -> None:
        super().__init__()
        if stride not in (1, 2, 4, 8) or len(widths) != 3:
            raise UserError(
                f"model.stride={stride}, model.widths={list(widths)}: expected 1, 2, 4 or 8, and "
                "the channels of three stages"
            )
        steps = [2 if stride >= least else 1 for least in (8, 4, 2)]
        self.stride, self.channels = stride, widths[2]
        self.stem = ConvNormAct(3, widths[0], norm, kernel=7, stride=steps[0], stem=True, bias=True)
        self.stages = nn.ModuleList(
            raft_stage(width, norm, given, step, stage)
            for stage, (given, width, step) in enumerate(
                zip([widths[0], *widths[:2]], widths, [1, *steps[1:]], strict=True), start=1
            )
        )

    def forward(self, image: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, widths[2], H/stride, W/stride]."""
        x = self.stem(image)
        for stage in self.stages:
            x = stage(x)
        return x


class MatchedFeatures(nn.Module):
    """The maps that are matched: a trunk and a 1x1 convolution; with `head_norm` a block and a 3x3 one.

    The latter is for a trunk that serves the context too.
    """

    def __init__(
        self,
        trunk: EncoderTrunk,
        *,
        out_channels: int = 256,
        head_norm: Placement | None = None,
    ) -> None:
        super().__init__()
        self.trunk, width = trunk, trunk.channels
        if head_norm is None:
            self.out: nn.Module = nn.Conv2d(width, out_channels, 1)
        else:
            block = raft_block(width, head_norm, width)
            self.out = nn.Sequential(block, nn.Conv2d(width, out_channels, 3, padding=1))
        self.channels = {trunk.stride: out_channels}
        self.divisor = 32  # to which the authors pad: the coarsest states lie at 1/32 at most
        self.least_divisor = 1  # the published crop is 320x720: states of any size meet by interpolation

    def forward(self, image: Tensor) -> dict[int, Tensor]:
        """Image [N, 3, H, W] -> {stride: [N, out_channels, H/stride, W/stride]}."""
        return {self.trunk.stride: self.out(self.trunk(image))}


class ContextPyramid(nn.Module):
    """First states of the recurrent units, and what the context adds to their gates, at each resolution.

    Args:
        norm: Normalisation.
        width: Channels of the trunk's map, and of the stages below it.
        levels: Number of resolutions, from that of the trunk's map on; 1 to 3.
        hidden: Channels of the states.
    """

    def __init__(self, norm: Placement, *, width: int, levels: int, hidden: int) -> None:
        super().__init__()
        if levels not in (1, 2, 3):
            raise UserError(f"model.levels={levels}: expected 1, 2 or 3 resolutions")
        self.stages = nn.ModuleList(
            raft_stage(width, norm, width, 2, stage) for stage in range(4, 3 + levels)
        )
        heads = [[self._head(norm, width, hidden, level) for level in range(levels)] for _ in range(2)]
        self.state_heads, self.context_heads = (nn.ModuleList(each) for each in heads)
        self.to_gates = nn.ModuleList(nn.Conv2d(hidden, 3 * hidden, 3, padding=1) for _ in range(levels))

    @staticmethod
    def _head(norm: Placement, width: int, hidden: int, level: int) -> nn.Module:
        conv = nn.Conv2d(width, hidden, 3, padding=1)
        # The coarsest of three has no block of its own in the authors' code.
        return conv if level == 2 else nn.Sequential(raft_block(width, norm, width, stage=3 + level), conv)

    def forward(self, x: Tensor) -> tuple[list[Tensor], list[Gates]]:
        """The trunk's map [N, width, h, w] -> states and gates, fine to coarse."""
        maps = [x]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        states = [torch.tanh(head(each)) for head, each in zip(self.state_heads, maps, strict=True)]
        context = [torch.relu(head(each)) for head, each in zip(self.context_heads, maps, strict=True)]
        gates = [conv(each).chunk(3, dim=1) for conv, each in zip(self.to_gates, context, strict=True)]
        return states, gates
