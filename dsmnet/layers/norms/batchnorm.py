"""Batch normalisation (Ioffe and Szegedy 2015)."""

from __future__ import annotations

from torch import nn

from dsmnet.layers.norms.checks import check_ndim

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d
_BATCH_NORMS: dict[int, type[BatchNorm]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def batch_norm(
    num_features: int, *, ndim: int = 2, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True
) -> BatchNorm:
    """Return torch's own module, so that whatever looks for batch norms (AdaBN, SyncBN) finds it."""
    check_ndim(ndim)
    return _BATCH_NORMS[ndim](num_features, eps=eps, momentum=momentum, affine=affine)
