"""Normalisation of input images in [0, 1]."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ImageZScore(nn.Module):
    """Zero mean and unit variance per image and channel (GANet, DSMNet): exposure and tint cancel out."""

    def __init__(self, eps: float = 1e-3) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, image: Tensor) -> Tensor:
        """Image [N, 3, H, W] in [0, 1] -> normalised image of the same shape."""
        variance, mean = torch.var_mean(image, dim=(2, 3), keepdim=True, correction=0)
        return (image - mean) / (variance.sqrt() + self.eps)


class ImageNetNorm(nn.Module):
    """Fixed mean and standard deviation of ImageNet (PSMNet, GwcNet)."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Image [N, 3, H, W] in [0, 1] -> normalised image of the same shape."""
        return (image - self.mean) / self.std


class SymmetricRange(nn.Module):
    """[0, 1] to [-1, 1] (RAFT-Stereo, IGEV-Stereo)."""

    def forward(self, image: Tensor) -> Tensor:
        """Image [N, 3, H, W] in [0, 1] -> normalised image of the same shape."""
        return 2 * image - 1
