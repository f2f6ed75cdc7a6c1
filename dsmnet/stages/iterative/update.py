"""Recurrent update at several resolutions (RAFT-Stereo, Lipson, Teed and Deng 2021, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.stages.iterative.step_contract import Gates

_LAST = 3  # updates whose size tells whether the disparity has settled


class ConvGRU(nn.Module):
    """Gated recurrent unit whose products are 3x3 convolutions; `inputs` are the channels of all inputs."""

    def __init__(self, hidden: int, inputs: int) -> None:
        super().__init__()
        self.update, self.reset, self.candidate = (
            nn.Conv2d(hidden + inputs, hidden, 3, padding=1) for _ in range(3)
        )

    def forward(self, state: Tensor, gates: Gates, *inputs: Tensor) -> Tensor:
        """State [N, hidden, h, w], context and inputs [N, C, h, w] -> state."""
        seen = torch.cat([state, *inputs], dim=1)
        z = torch.sigmoid(self.update(seen) + gates[0])
        r = torch.sigmoid(self.reset(seen) + gates[1])
        q = torch.tanh(self.candidate(torch.cat([r * state, *inputs], dim=1)) + gates[2])
        return (1 - z) * state + z * q


class MotionEncoder(nn.Module):
    """Features of the looked-up scores and of the estimate, which is handed on beside them.

    `scores` is the number of scores per pixel, `estimate` that of channels of the estimate, `width` that of
    the result, and `inner` that of each of both before they are joined, half of the result's by default.
    """

    def __init__(self, scores: int, *, estimate: int = 1, width: int = 128, inner: int | None = None) -> None:
        super().__init__()
        half = inner or width // 2
        self.scores1, self.scores2 = nn.Conv2d(scores, half, 1), nn.Conv2d(half, half, 3, padding=1)
        self.estimate1 = nn.Conv2d(estimate, half, 7, padding=3)
        self.estimate2 = nn.Conv2d(half, half, 3, padding=1)
        self.join = nn.Conv2d(2 * half, width - estimate, 3, padding=1)

    def forward(self, scores: Tensor, estimate: Tensor) -> Tensor:
        """Scores and estimate [N, C, h, w] -> [N, width, h, w]."""
        matched = F.relu(self.scores2(F.relu(self.scores1(scores))))
        moved = F.relu(self.estimate2(F.relu(self.estimate1(estimate))))
        return torch.cat([F.relu(self.join(torch.cat([matched, moved], dim=1))), estimate], dim=1)


class MultiLevelUpdate(nn.Module):
    """Units at one or more resolutions, each half of the one before, that see their neighbours' states.

    Coarse ones are updated first. With `slow_fast` they are updated more often: before each step of all, the
    coarsest alone, then the two coarsest, and so on.

    Args:
        levels: Number of resolutions.
        hidden: Channels of the states.
        motion: Channels of the motion features, which the finest unit sees.
        slow_fast: Whether coarse units are updated more often.
    """

    def __init__(self, *, levels: int, hidden: int, motion: int, slow_fast: bool = False) -> None:
        super().__init__()
        self.slow_fast = slow_fast
        neighbours = [(level > 0) + (level < levels - 1) for level in range(levels)]
        self.units = nn.ModuleList(
            ConvGRU(hidden, hidden * count + (0 if level else motion))
            for level, count in enumerate(neighbours)
        )

    def forward(self, states: Sequence[Tensor], gates: Sequence[Gates], motion: Tensor) -> list[Tensor]:
        """States fine to coarse, what the context adds to each unit, motion features -> states."""
        new = list(states)
        coarsest = len(new) - 1
        for finest in range(coarsest if self.slow_fast else 0, -1, -1):
            for level in range(coarsest, finest - 1, -1):
                new[level] = self._step(level, new, gates[level], motion)
        return new

    def _step(self, level: int, states: list[Tensor], gates: Gates, motion: Tensor) -> Tensor:
        state = states[level]
        inputs = [F.avg_pool2d(states[level - 1], 3, stride=2, padding=1) if level else motion]
        if level + 1 < len(states):
            size = state.shape[-2:]
            coarser = states[level + 1]
            inputs.append(F.interpolate(coarser, size=size, mode="bilinear", align_corners=True))
        new: Tensor = self.units[level](state, gates, *inputs)
        return new


def size_of_last(changes: Sequence[Tensor], stride: int) -> Tensor:
    """Return the mean size of the last changes of an estimate, [N, 1, h, w], in pixels of the image."""
    return stride * torch.stack(list(changes[-_LAST:])).detach().float().abs().mean(0)
