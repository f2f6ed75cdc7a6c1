"""The mean of the weights of several networks that were trained on from a common start."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor


def average_weights(states: Sequence[Mapping[str, Tensor]], shares: Sequence[float]) -> dict[str, Tensor]:
    """Return the weighted mean of the tensors of several networks ("model soup", Wortsman et al. 2022).

    Networks trained on from the same weights, each with data or options of its own, often have a mean of less
    error than each of them. The mean of networks that began apart is no useful network.

    Args:
        states: Tensors of each network by name, alike in names and shapes.
        shares: Share of each network in the mean; their sum is 1.

    Returns:
        Tensors by name, computed in float64 and in the type of the first network's; tensors of whole numbers
        (counters of batch norms) are those of the first network.
    """
    mean = {}
    for name, first in states[0].items():
        parts = [share * state[name].double() for state, share in zip(states, shares, strict=True)]
        mean[name] = sum(parts[1:], parts[0]).to(first.dtype) if first.is_floating_point() else first.clone()
    return mean


def relative_distance(state: Mapping[str, Tensor], mean: Mapping[str, Tensor]) -> float:
    """Return the length of the difference between two networks' tensors, by the length of the second's."""
    names = [name for name, tensor in mean.items() if tensor.is_floating_point()]
    difference = sum(float((state[name].double() - mean[name].double()).square().sum()) for name in names)
    return math.sqrt(difference / sum(float(mean[name].double().square().sum()) for name in names))
