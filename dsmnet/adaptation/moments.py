"""Pooled mean and variance of many tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from dsmnet.errors import DataError


class Moments:
    """Pooled mean and variance per channel of all that was added, whatever the order and the portions.

    The portions are merged by the exact formula (Chan et al. 1979) in float64. An average of the portions'
    variances, as batch norm's running one is, would miss how their means differ.
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean: Tensor | None = None
        self._squares: Tensor | None = None  # sum of the squared distances from the mean

    def add(self, x: Tensor) -> None:
        """Add values [B, C, ...]."""
        values = x.detach().double().transpose(0, 1).flatten(1)
        count = values.shape[1]
        if not count:
            return
        mean = values.mean(1)
        squares = (values - mean[:, None]).square().sum(1)
        if self._mean is None or self._squares is None:
            self.count, self._mean, self._squares = count, mean, squares
            return
        total = self.count + count
        step = mean - self._mean
        self._mean = self._mean + step * (count / total)
        self._squares = self._squares + squares + step.square() * (self.count * count / total)
        self.count = total

    @property
    def mean(self) -> Tensor:
        """Mean, [C], float64; a `DataError` where nothing was added."""
        if self._mean is None:
            raise DataError("no values to take statistics of")
        return self._mean

    def variance(self, correction: int = 0) -> Tensor:
        """Return the variance, [C], float64; torch's batch norm keeps that with ``correction=1``."""
        if self._squares is None:
            raise DataError("no values to take statistics of")
        return self._squares / max(self.count - correction, 1)

    @property
    def std(self) -> Tensor:
        """Standard deviation without correction, [C], float64."""
        return self.variance().sqrt()


def pooled(tensors: list[Tensor]) -> Moments:
    """Return the moments of all tensors [B, C, ...] together."""
    moments = Moments()
    for tensor in tensors:
        moments.add(tensor)
    return moments


def symmetric_kl(mean: Tensor, std: Tensor, other_mean: Tensor, other_std: Tensor) -> Tensor:
    """Return KL(a||b) + KL(b||a) of normal distributions, elementwise, in nats (IBN-Net, section 3.3)."""
    a, b = std.square(), other_std.square()
    gap = (mean - other_mean).square()
    return torch.addcdiv((a + gap) / (2 * b) - 1, b + gap, 2 * a)
