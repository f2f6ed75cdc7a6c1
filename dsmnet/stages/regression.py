"""Soft-argmax: matching logits -> disparity."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dsmnet.ops.backend import widen
from dsmnet.ops.soft_argmax import full_size_soft_argmax


class SoftArgmax(nn.Module):
    """Expectation of the disparity under a softmax over the planes (GC-Net, Kendall et al. 2017).

    Planes take part up to a distance of `radius` from the best one, None for all: where the distribution has
    two peaks, the expectation over all planes lies between two surfaces.
    """

    def __init__(self, radius: int | None = None) -> None:
        super().__init__()
        self.radius = radius

    def forward(self, logits: Tensor) -> Tensor:
        """Logits [N, 1, D, h, w], larger is better -> disparity [N, 1, h, w] in units of a plane."""
        logits = widen(logits).squeeze(1)
        planes = torch.arange(logits.shape[1], device=logits.device)
        if self.radius is None:
            return torch.einsum("ndhw,d->nhw", logits.softmax(1), planes.to(logits.dtype))[:, None]
        best = logits.argmax(dim=1, keepdim=True)
        window = best + torch.arange(-self.radius, self.radius + 1, device=logits.device).view(1, -1, 1, 1)
        inside = (window >= 0) & (window < logits.shape[1])
        # Bounded as floats: TensorRT has no bounds for whole numbers.
        place = window.float().clamp(0, logits.shape[1] - 1).long()
        near = logits.gather(1, place).masked_fill(~inside, float("-inf"))
        return (near.softmax(1) * window).sum(1, keepdim=True)


class FullSizeSoftArgmax(nn.Module):
    """Expectation over logits enlarged to one plane per pixel of disparity (PSMNet).

    With `inclusive`, D planes become ``stride * (D - 1) + 1`` levels, as in GANet and DSMNet, instead of
    ``stride * D``.
    """

    def __init__(self, stride: int, inclusive: bool = False, backend: str = "auto") -> None:
        super().__init__()
        self.stride, self.inclusive, self.backend = stride, inclusive, backend

    def forward(self, logits: Tensor) -> Tensor:
        """Logits [N, 1, D, h, w], larger is better -> disparity [N, 1, stride h, stride w] in pixels."""
        levels = self.levels(logits.shape[2])
        return full_size_soft_argmax(widen(logits).squeeze(1), self.stride, levels, self.backend)[:, None]

    def levels(self, planes: int) -> int:
        """Return the number of disparity levels, from 0 on, that the planes are enlarged to."""
        return self.stride * (planes - 1) + 1 if self.inclusive else self.stride * planes

    def plane_of(self, disparity: Tensor, planes: int) -> Tensor:
        """Return the (fractional) plane of disparities in pixels; the enlargement does not align corners."""
        return (disparity + 0.5) * (planes / self.levels(planes)) - 0.5
