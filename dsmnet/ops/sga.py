"""SGA, semi-global guided aggregation (GANet, Zhang et al. 2019, eq. 5; weights shared over channels).

Along each of four directions r a volume is filtered by

    y(p, d) = w0 x(p, d) + w1 y(p-r, d) + w2 y(p-r, d-1) + w3 y(p-r, d+1) + w4 max_j y(p-r, j)

where a term whose neighbour lies outside the volume uses x(p, d) instead. Fast form: both opposite
directions run as one batch, a step handles a whole row (or column) of every plane, and the backward pass is
the adjoint recurrence, for which twelve volumes of the size of the input are kept, all four directions
together; plain autograd keeps twice as much.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dsmnet.errors import ShapeError
from dsmnet.ops.backend import choose_backend


def sga(cost: Tensor, weights: Tensor, backend: str = "auto") -> Tensor:
    """Aggregate a volume along four directions and keep the elementwise maximum.

    Args:
        cost: volume [N, C, D, H, W].
        weights: [N, 4, 5, H, W]; directions (down, up, right, left), entries (self, d, d-1, d+1, maximum),
            normalised by the caller.
        backend: ``auto``, ``reference`` (plain autograd) or ``scan``.

    Returns:
        The aggregated volume, [N, C, D, H, W].

    Raises:
        ShapeError: the weights do not fit the volume.
    """
    down, up, right, left = sga_directions(cost, weights, backend)
    return torch.maximum(torch.maximum(down, up), torch.maximum(right, left))


def sga_directions(cost: Tensor, weights: Tensor, backend: str = "auto") -> tuple[Tensor, ...]:
    """Return the four aggregated volumes (down, up, right, left) of `sga`, each [N, C, D, H, W]."""
    n, _, _, h, w = cost.shape
    if tuple(weights.shape) != (n, 4, 5, h, w):
        raise ShapeError(
            f"sga: weights {tuple(weights.shape)} do not fit a volume {tuple(cost.shape)}; "
            f"expected {(n, 4, 5, h, w)}"
        )
    aggregate = _reference if choose_backend(backend) == "reference" else _Scan.apply
    down, up = _opposite_pair(cost.permute(3, 0, 1, 2, 4), weights[:, :2].permute(3, 1, 0, 2, 4), aggregate)
    right, left = _opposite_pair(
        cost.permute(4, 0, 1, 2, 3), weights[:, 2:].permute(4, 1, 0, 2, 3), aggregate
    )
    vertical, horizontal = (1, 2, 3, 0, 4), (1, 2, 3, 4, 0)
    return down.permute(vertical), up.permute(vertical), right.permute(horizontal), left.permute(horizontal)


def _opposite_pair(x: Tensor, weights: Tensor, aggregate: Any) -> tuple[Tensor, Tensor]:
    """Run a scan and its opposite as one batch: x [T, N, C, D, P], weights [T, 2, N, 5, P]."""
    n = x.shape[1]
    both = torch.cat([x, x.flip(0)], dim=1).contiguous()  # [T, 2N, C, D, P]
    both_weights = torch.cat([weights[:, 0], weights[:, 1].flip(0)], dim=1).contiguous()  # [T, 2N, 5, P]
    y = aggregate(both, both_weights)
    return y[:, :n], y[:, n:].flip(0)


def _reference(x: Tensor, weights: Tensor) -> Tensor:
    """The recurrence as written above: x [T, B, C, D, P], weights [T, B, 5, P] -> [T, B, C, D, P]."""
    rows = [x[0] * weights[0].sum(1)[:, None, None]]
    for t in range(1, x.shape[0]):
        w0, w1, w2, w3, w4 = (weights[t, :, k, None, None] for k in range(5))
        current, previous = x[t], rows[-1]
        below = torch.cat([current[:, :, :1], previous[:, :, :-1]], dim=2)  # d - 1
        above = torch.cat([previous[:, :, 1:], current[:, :, -1:]], dim=2)  # d + 1
        largest = previous.amax(dim=2, keepdim=True)
        rows.append(w0 * current + w1 * previous + w2 * below + w3 * above + w4 * largest)
    return torch.stack(rows)


class _Scan(torch.autograd.Function):
    """The same recurrence in place, with its adjoint; keeps x, weights and y (3 volumes' worth at most)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor) -> Tensor:
        w0, w1, w2, w3, w4 = _entries(weights)
        y = x * w0
        y[..., 0, :].addcmul_(x[..., 0, :], w2[..., 0, :])
        y[..., -1, :].addcmul_(x[..., -1, :], w3[..., 0, :])
        torch.mul(x[0], weights[0].sum(1)[:, None, None], out=y[0])
        for t in range(1, x.shape[0]):
            previous, current = y[t - 1], y[t]
            current.addcmul_(previous, w1[t])
            current[:, :, 1:].addcmul_(previous[:, :, :-1], w2[t])
            current[:, :, :-1].addcmul_(previous[:, :, 1:], w3[t])
            current.addcmul_(previous.amax(dim=2, keepdim=True), w4[t])
        ctx.save_for_backward(x, weights, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor, Tensor]:
        x, weights, y = ctx.saved_tensors
        w0, w1, w2, w3, w4 = _entries(weights)
        grad = grad_y.clone(
            memory_format=torch.contiguous_format
        )  # becomes dL/dy(t) with all its descendants
        largest, where = y[:-1].max(dim=3, keepdim=True)
        for t in range(x.shape[0] - 1, 0, -1):
            current, previous = grad[t], grad[t - 1]
            previous.addcmul_(current, w1[t])
            previous[:, :, :-1].addcmul_(current[:, :, 1:], w2[t])
            previous[:, :, 1:].addcmul_(current[:, :, :-1], w3[t])
            previous.scatter_add_(2, where[t - 1], current.sum(dim=2, keepdim=True).mul_(w4[t]))

        grad_weights = torch.empty_like(weights)
        self_term = (grad * x).sum(dim=(2, 3))  # [T, B, P]
        grad_weights[:, :, 0] = self_term
        grad_weights[0] = self_term[0, :, None]
        later, earlier = grad[1:], y[:-1]
        grad_weights[1:, :, 1] = (later * earlier).sum(dim=(2, 3))
        first = (later[..., 0, :] * x[1:, ..., 0, :]).sum(2)
        last = (later[..., -1, :] * x[1:, ..., -1, :]).sum(2)
        grad_weights[1:, :, 2] = (later[..., 1:, :] * earlier[..., :-1, :]).sum(dim=(2, 3)) + first
        grad_weights[1:, :, 3] = (later[..., :-1, :] * earlier[..., 1:, :]).sum(dim=(2, 3)) + last
        grad_weights[1:, :, 4] = (later.sum(dim=3) * largest[..., 0, :]).sum(2)

        grad_x = grad * w0
        grad_x[..., 0, :].addcmul_(grad[..., 0, :], w2[..., 0, :])
        grad_x[..., -1, :].addcmul_(grad[..., -1, :], w3[..., 0, :])
        torch.mul(grad[0], weights[0].sum(1)[:, None, None], out=grad_x[0])
        return grad_x, grad_weights


def _entries(weights: Tensor) -> tuple[Tensor, ...]:
    """Split [T, B, 5, P] into five factors [T, B, 1, 1, P]."""
    return tuple(weights[:, :, k, None, None] for k in range(5))
