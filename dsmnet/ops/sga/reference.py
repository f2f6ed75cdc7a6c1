"""SGA as the paper writes it, differentiated by autograd: what the fast paths are tested against."""

from __future__ import annotations

import torch
from torch import Tensor

# From a volume [N, C, D, H, W] to rows [T, N, C, D, P] and back: the way runs along H, or along W.
_AXES = (((3, 0, 1, 2, 4), (1, 2, 3, 0, 4)), ((4, 0, 1, 2, 3), (1, 2, 3, 4, 0)))


def reference_directions(cost: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
    """Return (down, up, right, left), each [N, C, D, H, W]."""
    results: list[Tensor] = []
    for (order, undo), picked in zip(_AXES, weights.split(2, dim=1), strict=True):
        first, second = picked.unsqueeze(3).unbind(1)
        x = _join(cost.permute(order), cost.permute(order))
        w = _join(first.permute(order), second.permute(order))[:, :, :, 0].contiguous()
        forth, back = _aggregate(x, w).chunk(2, dim=1)
        results += [forth.permute(undo), back.flip(0).permute(undo)]
    return tuple(results)


def _join(forth: Tensor, back: Tensor) -> Tensor:
    """Two opposite directions as one batch, [T, N, ...] each -> [T, 2N, ...]."""
    return torch.cat([forth, back.flip(0)], dim=1)


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
