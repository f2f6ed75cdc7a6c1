"""Distance of two distributions: of feature norms, and of the activations of each channel."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dsmnet.adaptation import Moments, symmetric_kl
from dsmnet.errors import DataError

QUANTILES = 10_000


def wasserstein(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Return the Wasserstein-1 (earth mover's) distance of two samples, in their unit.

    In one dimension it is the mean distance of equal quantiles; here of 10,000 of them. A sample that is
    empty or not finite is a DataError.
    """
    for sample in (a, b):
        if not sample.size or not np.isfinite(sample).all():
            raise DataError("Wasserstein distance: expected finite values, and at least one of each domain")
    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return float(np.abs(np.quantile(a, levels) - np.quantile(b, levels)).mean())


def layer_divergence(a: Moments, b: Moments, floor: float = 1e-3) -> Tensor:
    """Return the symmetric KL divergence of each channel of a layer between two domains, [C], nats.

    As in IBN-Net (Pan et al. 2018, section 3.3) activations count as normally distributed. A channel that
    hardly varies would make it infinite: standard deviations below `floor` times the layer's largest one
    (of both domains) are raised to it. The number of channels, not of pixels, sets the accuracy.
    """
    smallest = floor * float(torch.stack([a.std, b.std]).max()) or 1.0  # 1: constant in both domains
    return symmetric_kl(a.mean, a.std.clamp(min=smallest), b.mean, b.std.clamp(min=smallest))
