"""SGA row by row in torch alone: the fast path on a CPU.

Both opposite directions run as one batch, and a step handles a whole row (or column) of every plane. Planes
get a margin of one at both ends, filled with what the recurrence takes for a plane outside the volume, so
that a step is five calls on views taken once. The backward pass is the adjoint recurrence.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dsmnet.ops.sga.layout import AXES, to_rows, to_volume, to_volumes, weights_from_rows, weights_to_rows

Four = tuple[Tensor, Tensor, Tensor, Tensor]


def run(cost: Tensor, weights: Tensor) -> Four:
    """Return (down, up, right, left) [N, C, D, H, W] of a volume and its weights [N, 4, 5, H, W]."""
    down, up = _forward(cost, weights, AXES[0])
    right, left = _forward(cost, weights, AXES[1])
    return down, up, right, left


def run_backward(grads: Four, cost: Tensor, weights: Tensor, results: Four) -> tuple[Tensor, Tensor]:
    """Return the gradients of the volume and of the weights, from those of the four results of `run`."""
    grad_down_up, down_up = _backward(grads[:2], cost, weights, results[:2], AXES[0])
    grad_right_left, right_left = _backward(grads[2:], cost, weights, results[2:], AXES[1])
    return grad_down_up + grad_right_left, torch.cat([down_up, right_left], 1)


def _forward(cost: Tensor, weights: Tensor, axis: str) -> tuple[Tensor, Tensor]:
    x, w = to_rows(cost, cost, axis), weights_to_rows(weights, axis)
    w0, *others = _entries(w)
    y = _margins(x)
    torch.mul(x, w0, out=y[..., 1:-1, :])
    middle, lower, upper = _shifted(y)
    torch.mul(x[0], w[0].sum(1)[:, None, None], out=middle[0])
    w1, w2, w3, w4 = (entry.unbind(0) for entry in others)
    for t in range(1, len(middle)):
        previous, current = middle[t - 1], middle[t]
        current.addcmul_(previous, w1[t]).addcmul_(lower[t - 1], w2[t]).addcmul_(upper[t - 1], w3[t])
        current.addcmul_(previous.amax(2, keepdim=True), w4[t])
    forth, back = y[..., 1:-1, :].chunk(2, 1)
    # Copies in the order of the rows, which the backward pass reads again: transposing costs more.
    return to_volume(forth.contiguous(), axis), to_volume(back.flip(0).contiguous(), axis)


def _backward(
    grads: tuple[Tensor, ...], cost: Tensor, weights: Tensor, results: tuple[Tensor, ...], axis: str
) -> tuple[Tensor, Tensor]:
    x, w = to_rows(cost, cost, axis), weights_to_rows(weights, axis)
    y = _margins(x)
    y[..., 1:-1, :] = to_rows(results[0], results[1], axis)
    grad = torch.nn.functional.pad(to_rows(grads[0], grads[1], axis), (0, 0, 1, 1))
    largest, where = y[:-1, ..., 1:-1, :].max(3, keepdim=True)
    _descend(grad, w, where)

    total = grad[..., 1:-1, :]  # dL/dy with all descendants
    w0, _, w2, w3, _ = _entries(w)
    grad_x = total * w0
    grad_x[..., 0, :].addcmul_(total[..., 0, :], w2[..., 0, :])
    grad_x[..., -1, :].addcmul_(total[..., -1, :], w3[..., 0, :])
    torch.mul(total[0], w[0].sum(1)[:, None, None], out=grad_x[0])

    own = (total * x).sum((2, 3))  # [T, B, P]
    grad_w = own[:, :, None].repeat(1, 1, 5, 1)
    later, earlier = total[1:], y[:-1]
    for entry, planes in ((1, slice(1, -1)), (2, slice(0, -2)), (3, slice(2, None))):
        grad_w[1:, :, entry] = (later * earlier[..., planes, :]).sum((2, 3))
    grad_w[1:, :, 4] = (later.sum(3) * largest[..., 0, :]).sum(2)
    forth, back = to_volumes(grad_x, axis)
    return forth + back, weights_from_rows(grad_w, axis)


def _descend(grad: Tensor, weights: Tensor, where: Tensor) -> None:
    """Let every row of `grad` collect from the row after it what that made of it; margins are zero."""
    middle, lower, upper = _shifted(grad)
    w1, w2, w3, w4 = (entry.unbind(0) for entry in _entries(weights)[1:])
    for t in range(len(middle) - 1, 0, -1):
        current, previous = middle[t], middle[t - 1]
        previous.addcmul_(current, w1[t]).addcmul_(upper[t], w2[t]).addcmul_(lower[t], w3[t])
        previous.scatter_add_(2, where[t - 1], current.sum(2, keepdim=True).mul_(w4[t]))


def _margins(x: Tensor) -> Tensor:
    """Room for rows like x [T, B, C, D, P] with planes -1 and D: what the next row takes there, its own x."""
    t, b, c, d, p = x.shape
    y = x.new_empty(t, b, c, d + 2, p)
    y[:-1, ..., 0, :] = x[1:, ..., 0, :]
    y[:-1, ..., -1, :] = x[1:, ..., -1, :]
    return y


def _shifted(y: Tensor) -> tuple[tuple[Tensor, ...], ...]:
    """Views of each row of [T, B, C, D+2, P]: the planes d, d - 1 and d + 1."""
    return y[..., 1:-1, :].unbind(0), y[..., :-2, :].unbind(0), y[..., 2:, :].unbind(0)


def _entries(weights: Tensor) -> tuple[Tensor, ...]:
    """Split [T, B, 5, P] into five factors [T, B, 1, 1, P]."""
    return tuple(weights[:, :, k, None, None] for k in range(5))
