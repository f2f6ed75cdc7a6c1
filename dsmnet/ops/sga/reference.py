"""SGA as the paper writes it, differentiated by autograd: what the fast paths are tested against."""

from __future__ import annotations

import torch
from torch import Tensor

from dsmnet.ops.sga.layout import AXES, to_rows, to_volumes, weights_to_rows


def reference_directions(cost: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
    """Return (down, up, right, left), each [N, C, D, H, W]."""
    results: list[Tensor] = []
    for axis in AXES:
        results += to_volumes(_aggregate(to_rows(cost, cost, axis), weights_to_rows(weights, axis)), axis)
    return tuple(results)


def _aggregate(x: Tensor, weights: Tensor) -> Tensor:
    """The recurrence as written: x [T, B, C, D, P], weights [T, B, 5, P] -> [T, B, C, D, P]."""
    rows = [x[0] * weights[0].sum(1)[:, None, None]]
    for t in range(1, x.shape[0]):
        w0, w1, w2, w3, w4 = (weights[t, :, k, None, None] for k in range(5))
        current, previous = x[t], rows[-1]
        below = torch.cat([current[:, :, :1], previous[:, :, :-1]], dim=2)  # d - 1
        above = torch.cat([previous[:, :, 1:], current[:, :, -1:]], dim=2)  # d + 1
        largest = previous.amax(dim=2, keepdim=True)
        rows.append(w0 * current + w1 * previous + w2 * below + w3 * above + w4 * largest)
    return torch.stack(rows)
