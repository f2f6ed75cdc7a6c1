"""Switchable whitening (Pan et al., "Switchable whitening for deep representation learning", ICCV 2019)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dsmnet.layers.norms.spatial import SpatialNorm
from dsmnet.ops.backend import memory_format


class SwitchableWhitening(SpatialNorm):
    """Take mean and correlation out of each group of channels, then scale and shift each channel.

    The mean and the covariance taken out are mixtures, by a softmax over learned weights, of those of the
    batch and of those of the single image: the paper's variant of batch and instance whitening only. The
    inverse square root of the covariance comes from Newton's iteration, as in the authors' code; after the
    usual five steps, directions with a small part of the variance are not amplified in full.

    The running statistics follow torch's batch norm: ``momentum`` is the part of the new value, covariances
    are unbiased, and evaluation before any training whitens with the identity. Processes that train together
    do not share statistics.

    Args:
        group_size: Most channels that are whitened together; the largest divisor of `num_features` up to it.
        iterations: Newton steps.
    """

    shown = ("ndim", "group_size", "iterations", "momentum", "eps")
    running_mean: Tensor
    running_cov: Tensor

    def __init__(
        self,
        num_features: int,
        *,
        ndim: int = 2,
        group_size: int = 16,
        iterations: int = 5,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> None:
        super().__init__(num_features, ndim, eps)
        for name, value in (("group_size", group_size), ("iterations", iterations)):
            if value < 1:
                raise ValueError(f"{name}: expected at least 1, got {value}")
        self.iterations, self.momentum = iterations, momentum
        self.group_size = next(
            n for n in range(min(group_size, num_features), 0, -1) if num_features % n == 0
        )
        self.groups = num_features // self.group_size
        # Before the softmax; first the batch, then the image.
        self.mean_weight = nn.Parameter(torch.ones(2))
        self.cov_weight = nn.Parameter(torch.ones(2))
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_cov", torch.eye(self.group_size).repeat(self.groups, 1, 1))

    def compute(self, x: Tensor) -> Tensor:
        """See `SpatialNorm`; in this type also under autocast."""
        if not torch.is_autocast_enabled(x.device.type):  # an exported graph would keep the context
            return self._whiten(x)
        with torch.autocast(x.device.type, enabled=False):
            return self._whiten(x)

    def _whiten(self, x: Tensor) -> Tensor:
        values = x.reshape(x.shape[0], self.groups, self.group_size, -1)
        image_mean = values.mean(3, keepdim=True)  # [B, groups, size, 1]
        centred = values - image_mean
        image_cov = centred @ centred.mT / values.shape[3]  # [B, groups, size, size]
        batch_mean, batch_cov = self._batch_statistics(image_mean, image_cov, values.shape[3])
        mean = _mix(self.mean_weight, batch_mean, image_mean)
        eye = torch.eye(self.group_size, dtype=x.dtype, device=x.device)
        cov = _mix(self.cov_weight, batch_cov, image_cov) + self.eps * eye
        out = (inverse_root(cov, self.iterations) @ (values - mean)).reshape(x.shape)
        shape = (1, -1, *[1] * self.ndim)
        out = out * self.weight.to(x.dtype).view(shape) + self.bias.to(x.dtype).view(shape)
        return out.contiguous(memory_format=memory_format(x))

    def _batch_statistics(self, mean: Tensor, cov: Tensor, pixels: int) -> tuple[Tensor, Tensor]:
        """Return mean and covariance over the batch from those of its images, or the running ones."""
        if not self.training:
            return self.running_mean.to(mean.dtype).view(mean.shape[1:]), self.running_cov.to(cov.dtype)
        batch_mean = mean.mean(0)
        between = mean - batch_mean
        batch_cov = (cov + between @ between.mT).mean(0)
        count = mean.shape[0] * pixels
        with torch.no_grad():
            found = batch_mean.flatten().to(self.running_mean.dtype)
            self.running_mean.lerp_(found, self.momentum)
            unbiased = (batch_cov * (count / (count - 1))).to(self.running_cov.dtype)
            self.running_cov.lerp_(unbiased, self.momentum)
        return batch_mean, batch_cov


def inverse_root(matrices: Tensor, iterations: int) -> Tensor:
    """Return approximately the inverse square root of symmetric positive definite matrices [..., n, n].

    Newton's iteration ``P <- (3 P - P^3 M) / 2`` from the identity, which converges to ``M^(-1/2)`` as long
    as no eigenvalue of `M` exceeds 1: it runs on the matrix divided by its trace. ``P M`` is carried along:
    computed anew in each step, its rounding errors would grow without bound after some ten steps.
    """
    trace = matrices.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    eye = torch.eye(matrices.shape[-1], dtype=matrices.dtype, device=matrices.device)
    root, product = eye, matrices / trace
    for _ in range(iterations):
        step = 1.5 * eye - 0.5 * (root @ product)
        root, product = step @ root, product @ step
    return root * trace.rsqrt()


def _mix(weights: Tensor, batch: Tensor, image: Tensor) -> Tensor:
    of_batch, of_image = torch.softmax(weights.to(image.dtype), 0)
    return of_batch * batch + of_image * image
