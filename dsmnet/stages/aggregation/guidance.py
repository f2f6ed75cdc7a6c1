"""Guidance subnetwork of DSMNet: the weights of its semi-global passes from the left view."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.layers.conv import ConvNormAct
from dsmnet.layers.norms.placement import Placement
from dsmnet.ops.normalize import unit_length
from dsmnet.stages.features.double_unet import to_stride


class Guides(NamedTuple):
    """Weights of the semi-global passes, each [N, 4, 5, h, w], at full and at half size of the volume."""

    fine: list[Tensor]
    coarse: list[Tensor]


def neighbour_similarity(x: Tensor) -> Tensor:
    """Return the similarity of each pixel's features to its 3x3 neighbours', row by row, [N, 9, h, w].

    Cosines, divided by the sum of their magnitudes; 0 for a neighbour outside the map.
    """
    h, w = x.shape[2:]
    unit = unit_length(x)
    padded = F.pad(unit, (1, 1, 1, 1))
    near = [(unit * padded[..., i : i + h, j : j + w]).sum(1) for i in range(3) for j in range(3)]
    return F.normalize(torch.stack(near, dim=1), p=1, dim=1)


class Guidance(nn.Module):
    """Left image and features -> weights of the aggregation.

    Weights depend on the similarity of neighbouring pixels alone; all passes share the linear map from
    similarities to weights.
    `widths` are the channels at full and at half size of the volume; left features have its stride.
    """

    def __init__(self, norm: Placement, channels: int, *, stride: int, widths: tuple[int, int]) -> None:
        super().__init__()
        fine, coarse = widths
        passes = 3, 4  # at full and at half size
        self.stride = stride
        self.start = nn.Sequential(
            ConvNormAct(3, fine // 2, norm, stem=True), ConvNormAct(fine // 2, fine, norm)
        )
        self.refine = nn.Conv2d(channels, fine, 3, padding=1, bias=False)
        self.refine_norm = norm.inner(fine)
        self.join = ConvNormAct(2 * fine, fine, norm)
        self.down = nn.Sequential(*to_stride(fine, norm, stride), ConvNormAct(fine, fine, norm))
        self.fine = nn.ModuleList(ConvNormAct(fine, fine, norm) for _ in range(passes[0] - 1))
        self.downsample = nn.Sequential(
            ConvNormAct(fine, coarse, norm, stride=2), ConvNormAct(coarse, coarse, norm)
        )
        self.coarse = nn.ModuleList(ConvNormAct(coarse, coarse, norm) for _ in range(passes[1] - 1))
        self.fine_heads = nn.ModuleList(ConvNormAct(fine, fine, norm, act=False) for _ in range(passes[0]))
        self.coarse_heads = nn.ModuleList(
            ConvNormAct(coarse, coarse, norm, act=False) for _ in range(passes[1])
        )
        self.to_weights = nn.Conv2d(9, 20, 1, bias=False)

    def forward(self, image: Tensor, features: Tensor) -> Guides:
        """Left image [N, 3, H, W] and features [N, C, H/stride, W/stride] -> weights."""
        features = self.refine(features)
        features = F.interpolate(features, scale_factor=self.stride, mode="bilinear", align_corners=False)
        features = F.relu(self.refine_norm(features), inplace=True)
        x = self.down(self.join(torch.cat([self.start(image), features], dim=1)))
        x, fine = self._weights(x, self.fine, self.fine_heads)
        _, coarse = self._weights(self.downsample(x), self.coarse, self.coarse_heads)
        return Guides(fine, coarse)

    def _weights(self, x: Tensor, steps: nn.ModuleList, heads: nn.ModuleList) -> tuple[Tensor, list[Tensor]]:
        """Return the last map, and weights before each residual step and after the last one."""
        weights = []
        for index, head in enumerate(heads):
            if index:
                x = steps[index - 1](x) + x
            similar = self.to_weights(neighbour_similarity(head(x)))
            weights.append(F.normalize(similar.unflatten(1, (4, 5)), p=1, dim=2))
        return x, weights
