"""Sharpen a disparity map by comparing the views once more, close to what is already known."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.layers.norms.functional import unit_length


def warp(right: Tensor, disparity: Tensor) -> Tensor:
    """Sample the right view's map [N, C, h, w] at x - disparity ([N, 1, h, w], px of this map)."""
    h, w = right.shape[-2:]
    xs = torch.arange(w, device=right.device, dtype=torch.float32) - disparity.float()[:, 0]
    ys = torch.arange(h, device=right.device, dtype=torch.float32).view(1, h, 1).expand_as(xs)
    grid = torch.stack([(2 * xs + 1) / w - 1, (2 * ys + 1) / h - 1], dim=-1)
    return F.grid_sample(right, grid.to(right.dtype), padding_mode="border", align_corners=False)


def convex_upsample(disparity: Tensor, logits: Tensor, factor: int) -> Tensor:
    """Enlarge by convex combinations of the 3x3 neighbours (RAFT, Teed and Deng 2020, section 3.3).

    Args:
        disparity: [N, 1, h, w] in px of this map.
        logits: [N, 9 * factor**2, h, w].
        factor: Enlargement.

    Returns:
        Disparity [N, 1, factor h, factor w] in px of the larger map.
    """
    n, _, h, w = disparity.shape
    weights = logits.float().view(n, 9, factor * factor, h, w).softmax(1)
    padded = F.pad(disparity * factor, (1, 1, 1, 1), mode="replicate")
    near = torch.stack([padded[..., i : i + h, j : j + w] for i in range(3) for j in range(3)], dim=1)
    return F.pixel_shuffle((weights * near).sum(1), factor)


class RefinementStage(nn.Module):
    """One scale: warp, correlate locally, correct, enlarge twice.

    The network sees image features, the local correlation, the matching error and the high-pass part of the
    disparity, never its absolute value: a correction must not depend on the range of a data set.
    """

    def __init__(self, channels: int, hidden: int, blocks: int, radius: int) -> None:
        super().__init__()
        self.radius = radius
        inputs = channels + (2 * radius + 1) + 2
        self.enter = nn.Conv2d(inputs, hidden, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(hidden, hidden, 3, padding=1),
                nn.LeakyReLU(0.1, inplace=True),
                nn.Conv2d(hidden, hidden, 3, padding=1),
            )
            for _ in range(blocks)
        )
        self.correct = nn.Conv2d(hidden, 1, 3, padding=1)  # at first changes nothing
        self.mask = nn.Conv2d(hidden, 9 * 4, 1)
        for parameter in self.correct.parameters():
            nn.init.zeros_(parameter)

    def forward(self, disparity: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """Disparity [N, 1, h, w] and features [N, C, h, w] -> corrected map and its enlargement by 2."""
        unit_left, unit_right = unit_length(left), unit_length(right)
        # The position is not differentiated: gradients reach the disparity through the sum below.
        warped = warp(unit_right, disparity.detach())
        near = F.pad(warped, (self.radius, self.radius))
        width = left.shape[-1]
        correlation = torch.stack(
            [(unit_left * near[..., k : k + width]).sum(1) for k in range(2 * self.radius + 1)], dim=1
        )
        error = (unit_left - warped).abs().mean(1, keepdim=True)
        smooth = F.avg_pool2d(disparity, 5, stride=1, padding=2, count_include_pad=False)
        x = torch.cat([left, correlation, error, (disparity - smooth).clamp(-8, 8)], dim=1)
        x = F.leaky_relu(self.enter(x), 0.1)
        for block in self.blocks:
            x = F.leaky_relu(x + block(x), 0.1)
        refined = disparity + self.correct(x)
        return refined, convex_upsample(refined, self.mask(x), 2)


class Refinement(nn.Module):
    """Two scales, 1/4 then 1/2, each enlarged by learned convex combinations.

    Contract of the slot: `forward(disparity [N, 1, h, w] in px of the full image, lefts, rights)` with
    feature maps by stride -> list of [N, 1, H, W], coarse to fine.
    """

    def __init__(
        self,
        channels: Mapping[int, int],
        *,
        hidden: tuple[int, int] = (64, 32),
        blocks: tuple[int, int] = (2, 2),
        radius: tuple[int, int] = (4, 2),
    ) -> None:
        super().__init__()
        self.at_quarter = RefinementStage(channels[4], hidden[0], blocks[0], radius[0])
        self.at_half = RefinementStage(channels[2], hidden[1], blocks[1], radius[1])

    def forward(self, disparity: Tensor, lefts: dict[int, Tensor], rights: dict[int, Tensor]) -> list[Tensor]:
        """See the class: full-size disparities after the first and after the second scale."""
        _, half = self.at_quarter(disparity / 4, lefts[4], rights[4])
        _, full = self.at_half(half, lefts[2], rights[2])
        first = F.interpolate(half * 2, scale_factor=2, mode="bilinear", align_corners=False)
        return [first, full]
