"""Refinement of a disparity map by local correlation at 1/4 and 1/2 of the resolution."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.ops.backend import widen
from dsmnet.ops.normalize import unit_length


def warp(right: Tensor, disparity: Tensor) -> Tensor:
    """Sample a map of the right view [N, C, h, w] at x - disparity ([N, 1, h, w], pixels of this map)."""
    h, w = right.shape[-2:]
    xs = torch.arange(w, device=right.device, dtype=torch.float32) - disparity.float()[:, 0]
    ys = torch.arange(h, device=right.device, dtype=torch.float32).view(1, h, 1).expand_as(xs)
    grid = torch.stack([(2 * xs + 1) / w - 1, (2 * ys + 1) / h - 1], dim=-1)
    return F.grid_sample(right, grid.to(right.dtype), padding_mode="border", align_corners=False)


def convex_upsample(disparity: Tensor, logits: Tensor, factor: int, outside: str = "replicate") -> Tensor:
    """Upsample by convex combinations of the 3x3 neighbours (RAFT, Teed and Deng 2020, section 3.3).

    Disparity [N, 1, h, w] and logits [N, 9 * factor**2, h, w] -> [N, 1, factor h, factor w]; disparities are
    in pixels of their map. Neighbours `outside` of the map are those at its edge, or 0 with ``constant``, as
    in RAFT.
    """
    n, _, h, w = disparity.shape
    weights = widen(logits).view(n, 9, factor * factor, h, w).softmax(1)
    padded = F.pad(disparity * factor, (1, 1, 1, 1), mode=outside)
    near = torch.stack([padded[..., i : i + h, j : j + w] for i in range(3) for j in range(3)], dim=1)
    return F.pixel_shuffle((weights * near).sum(1), factor)


class RefinementStage(nn.Module):
    """One scale of the refinement: warp, correlate locally, correct, upsample by two.

    Its input is image features, local correlation, warping error and the high-pass part of the disparity.
    The absolute disparity is no input: a correction must not depend on the disparity range of a data set.

    The `radius` of the correlation is in pixels of this scale; `matched` is the number of channels that the
    features are projected to before it, None for no projection.
    """

    def __init__(
        self, channels: int, hidden: int, blocks: int, radius: int, matched: int | None = None
    ) -> None:
        super().__init__()
        self.radius = radius
        self.project = nn.Conv2d(channels, matched, 1, bias=False) if matched else nn.Identity()
        inputs = channels + (2 * radius + 1) + 2
        self.conv_in = nn.Conv2d(inputs, hidden, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(hidden, hidden, 3, padding=1),
                nn.LeakyReLU(0.1, inplace=True),
                nn.Conv2d(hidden, hidden, 3, padding=1),
            )
            for _ in range(blocks)
        )
        self.correct = nn.Conv2d(hidden, 1, 3, padding=1)  # zero at the start
        self.mask = nn.Conv2d(hidden, 9 * 4, 1)
        for parameter in self.correct.parameters():
            nn.init.zeros_(parameter)

    def forward(self, disparity: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """Disparity [N, 1, h, w] and features [N, C, h, w] -> corrected map and its enlargement by 2."""
        x = self._inputs(disparity, left, right)
        x = F.leaky_relu(self.conv_in(x), 0.1, inplace=True)
        for block in self.blocks:
            x = F.leaky_relu(x + block(x), 0.1, inplace=True)
        refined, logits = disparity + self.correct(x), self.mask(x)
        del x  # at half resolution the peak of a whole prediction lies here
        return refined, convex_upsample(refined, logits, 2)

    def _inputs(self, disparity: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """Return what the stage sees, [N, C, h, w]; all that leads to it is free again after the call."""
        unit_left = unit_length(self.project(left))
        # No gradient through the sampling position: the gradient flows through the correction.
        warped = warp(unit_length(self.project(right)), disparity.detach())
        correlation = self._correlate(unit_left, warped)
        error = (unit_left - warped).abs().mean(1, keepdim=True)
        smooth = F.avg_pool2d(disparity, 5, stride=1, padding=2, count_include_pad=False)
        return torch.cat([left, correlation, error, (disparity - smooth).clamp(-8, 8)], dim=1)

    def _correlate(self, left: Tensor, warped: Tensor) -> Tensor:
        near, width = F.pad(warped, (self.radius, self.radius)), left.shape[-1]
        shifts = range(2 * self.radius + 1)
        return torch.stack([(left * near[..., k : k + width]).sum(1) for k in shifts], dim=1)


class Refinement(nn.Module):
    """Two stages, at 1/4 and at 1/2, each followed by learned convex upsampling.

    `channels` are those of the features by stride, all else are the options of the two stages.
    """

    def __init__(
        self,
        channels: Mapping[int, int],
        *,
        hidden: tuple[int, int] = (64, 32),
        blocks: tuple[int, int] = (2, 2),
        radius: tuple[int, int] = (4, 2),
        matched: tuple[int | None, int | None] = (None, None),
    ) -> None:
        super().__init__()
        self.at_quarter = RefinementStage(channels[4], hidden[0], blocks[0], radius[0], matched[0])
        self.at_half = RefinementStage(channels[2], hidden[1], blocks[1], radius[1], matched[1])

    def forward(
        self, disparity: Tensor, left_features: dict[int, Tensor], right_features: dict[int, Tensor]
    ) -> list[Tensor]:
        """Return full-size disparities [N, 1, H, W] after the first and after the second stage.

        The given disparity is at 1/4 of the size, [N, 1, h, w], in pixels of the full image; feature maps are
        by stride.
        """
        _, half = self.at_quarter(disparity / 4, left_features[4], right_features[4])
        _, full = self.at_half(half, left_features[2], right_features[2])
        first = F.interpolate(half * 2, scale_factor=2, mode="bilinear", align_corners=False)
        return [first, full]
