"""Batch-instance normalisation, BIN (Nam and Kim, NeurIPS 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dsmnet.layers.norms.batch import batch_norm
from dsmnet.layers.norms.checks import check_input, check_ndim, memory_format, widen
from dsmnet.layers.norms.functional import group_norm


class BatchInstanceNorm(nn.Module):
    """A learned mixture, per channel, of batch norm and instance norm.

    ``y = weight * (gate * BN(x) + (1 - gate) * IN(x)) + bias`` (equation 3), with ``gate`` in [0, 1] and 1 at
    first. The paper clips the gate after each step of the optimiser; here each pass in training clips it
    before use, which is the same and needs no help from the training loop. In the paper gates learn ten times
    as fast as weights, without weight decay.

    Args:
        num_features: channels.
        ndim: 2 for maps, 3 for volumes.
        eps: added to the variances.
        momentum: of the batch norm's running statistics.

    Raises:
        ShapeError: in forward, as for `InstanceNorm`.
    """

    def __init__(self, num_features: int, *, ndim: int = 2, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        check_ndim(ndim)
        self.num_features, self.ndim, self.eps = num_features, ndim, eps
        self.batch = batch_norm(num_features, ndim=ndim, eps=eps, momentum=momentum, affine=False)
        self.gate = nn.Parameter(torch.ones(num_features))
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` normalised, same shape."""
        check_input(x, self.num_features, self.ndim, "BatchInstanceNorm")
        if self.training:
            with torch.no_grad():
                self.gate.clamp_(0, 1)
        wide = widen(x)
        # Evaluation clips too, after the last step; not by clamp alone, which has no gradient at 0 and 1.
        gate = self.gate + (self.gate.clamp(0, 1) - self.gate).detach()
        batch = widen(self.batch(x))
        instance = group_norm(wide, self.num_features, None, None, self.eps)
        shape = (1, -1, *[1] * self.ndim)
        out = batch * (self.weight * gate).view(shape) + instance * (self.weight * (1 - gate)).view(shape)
        out = out + self.bias.view(shape)
        return out.to(x.dtype).contiguous(memory_format=memory_format(x))
