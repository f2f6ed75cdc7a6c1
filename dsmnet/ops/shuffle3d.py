"""Pixel shuffle in 3-D (sub-pixel convolution, Shi et al. 2016): 2x2x2 voxels <-> eight channels."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def unshuffle3d(x: Tensor) -> Tensor:
    """Volume [N, D, h, w], even in D, h and w -> [N, 8, D/2, h/2, w/2]."""
    n, planes, h, w = x.shape
    # A pair of planes is two channels of a map: more than five dimensions are slow to copy in some runtimes.
    pairs = F.pixel_unshuffle(x.reshape(n * (planes // 2), 2, h, w), 2)
    return pairs.view(n, planes // 2, 8, h // 2, w // 2).transpose(1, 2)


def shuffle3d(x: Tensor) -> Tensor:
    """[N, 8, D, h, w] -> volume [N, 2 D, 2 h, 2 w]; the inverse of `unshuffle3d`."""
    n, _, planes, h, w = x.shape
    pairs = F.pixel_shuffle(x.transpose(1, 2).reshape(n * planes, 8, h, w), 2)
    return pairs.reshape(n, 2 * planes, 2 * h, 2 * w)
