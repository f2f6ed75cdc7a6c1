"""Batch-instance normalisation, BIN (Nam and Kim, NeurIPS 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dsmnet.layers.norms.batchnorm import batch_norm
from dsmnet.layers.norms.spatial import SpatialNorm
from dsmnet.ops.backend import memory_format, widen
from dsmnet.ops.normalize import group_norm


class BatchInstanceNorm(SpatialNorm):
    """A learned mixture, per channel, of batch norm and instance norm.

    ``y = weight * (gate * BN(x) + (1 - gate) * IN(x)) + bias`` (equation 3), with ``gate`` in [0, 1] and 1 at
    first. Gates learn ten times as fast as weights, without weight decay, and are clipped after each step of
    the optimiser: `dsmnet.training.gates` does all three. A gate outside [0, 1] counts as the nearer end.
    `momentum` is that of the batch norm's running statistics.
    """

    def __init__(self, num_features: int, *, ndim: int = 2, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, ndim, eps)
        self.batch = batch_norm(num_features, ndim=ndim, eps=eps, momentum=momentum, affine=False)
        self.gate = nn.Parameter(torch.ones(num_features))
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` normalised, same shape."""
        self.check(x)
        wide = widen(x)
        # Not by clamp alone, which has no gradient at 0 and 1.
        gate = self.gate + (self.gate.clamp(0, 1) - self.gate).detach()
        batch = widen(self.batch(x))
        instance = group_norm(wide, self.num_features, None, None, self.eps)
        shape = (1, -1, *[1] * self.ndim)
        out = batch * (self.weight * gate).view(shape) + instance * (self.weight * (1 - gate)).view(shape)
        out = out + self.bias.view(shape)
        return out.to(x.dtype).contiguous(memory_format=memory_format(x))

    @torch.no_grad()
    def clip_gate(self) -> None:
        """Bring the gate back to [0, 1], in place; to be called after each step of an optimiser."""
        self.gate.clamp_(0, 1)
