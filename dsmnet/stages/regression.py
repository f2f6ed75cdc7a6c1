"""Scores per plane -> disparity in planes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dsmnet.layers.norms.checks import widen
from dsmnet.ops.soft_argmax import full_size_soft_argmax


class SoftArgmax(nn.Module):
    """Expectation of the disparity under a softmax over the planes (GC-Net, Kendall et al. 2017).

    Args:
        radius: If given, only planes within this distance of the best one take part. The plain expectation
            lies between two surfaces where the distribution has two peaks; this one stays on a surface.
    """

    def __init__(self, radius: int | None = None) -> None:
        super().__init__()
        self.radius = radius

    def forward(self, scores: Tensor) -> Tensor:
        """Scores [N, 1, D, h, w], larger is better -> disparity [N, 1, h, w] in units of a plane."""
        scores = scores.squeeze(1).float()
        planes = torch.arange(scores.shape[1], device=scores.device)
        if self.radius is None:
            return torch.einsum("ndhw,d->nhw", scores.softmax(1), planes.float())[:, None]
        best = scores.argmax(dim=1, keepdim=True)
        window = best + torch.arange(-self.radius, self.radius + 1, device=scores.device).view(1, -1, 1, 1)
        inside = (window >= 0) & (window < scores.shape[1])
        near = scores.gather(1, window.clamp(0, scores.shape[1] - 1)).masked_fill(~inside, float("-inf"))
        return (near.softmax(1) * window).sum(1, keepdim=True)


class FullSizeSoftArgmax(nn.Module):
    """Scores enlarged to a plane per pixel of disparity, then the expectation over all of them (PSMNet).

    Args:
        stride: of the scores; the result is so many times larger.
        inclusive: The last plane stands for its own disparity alone, as in GANet and DSMNet: D planes become
            ``stride * (D - 1) + 1`` instead of ``stride * D``.
        backend: see `dsmnet.ops.soft_argmax.full_size_soft_argmax`.
    """

    def __init__(self, stride: int, inclusive: bool = False, backend: str = "auto") -> None:
        super().__init__()
        self.stride, self.inclusive, self.backend = stride, inclusive, backend

    def forward(self, scores: Tensor) -> Tensor:
        """Scores [N, 1, D, h, w], larger is better -> disparity [N, 1, stride h, stride w] in pixels."""
        levels = self.levels(scores.shape[2])
        return full_size_soft_argmax(widen(scores).squeeze(1), self.stride, levels, self.backend)[:, None]

    def levels(self, planes: int) -> int:
        """Number of disparities, from 0 on, that the planes are enlarged to."""
        return self.stride * (planes - 1) + 1 if self.inclusive else self.stride * planes

    def plane_of(self, disparity: Tensor, planes: int) -> Tensor:
        """Return where disparities lie among the planes: the enlargement does not align the corners."""
        return (disparity + 0.5) * (planes / self.levels(planes)) - 0.5
