"""SGA as the recurrence of the paper, row by row: slow, differentiable, the oracle of the fast paths."""

from __future__ import annotations

import torch
from torch import Tensor


def sga_reference(cost: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
    """Return the four directions (down, up, right, left), each [N, C, D, H, W], see `dsmnet.ops.sga.sga`."""
    results = []
    for k, (axis, backwards) in enumerate(((3, False), (3, True), (4, False), (4, True))):
        factors = weights[:, k, :, None, None].movedim(axis + 1, 0).contiguous()
        steps = list(zip(cost.unbind(axis), factors, strict=True))
        rows: list[Tensor] = []
        for x, w in steps[:: -1 if backwards else 1]:
            if not rows:
                rows.append(w.sum(1) * x)
                continue
            w0, w1, w2, w3, w4 = w.unbind(1)  # each [N, 1, 1, P]; x and y are [N, C, D, P]
            y = rows[-1]
            lower = torch.cat([x[:, :, :1], y[:, :, :-1]], dim=2)  # y(p-r, d-1)
            upper = torch.cat([y[:, :, 1:], x[:, :, -1:]], dim=2)  # y(p-r, d+1)
            rows.append(w0 * x + w1 * y + w2 * lower + w3 * upper + w4 * y.amax(2, keepdim=True))
        results.append(torch.stack(rows[:: -1 if backwards else 1], dim=axis))
    return tuple(results)
