"""SGA row by row in torch alone: the fast path on a CPU.

A step handles a row (or column) of every plane, of two opposite directions at once: row t of the way forth
and row T-1-t of the way back lie a fixed step apart, so that one view holds both and nothing is turned round.
Planes get a margin of one at both ends, filled with what the recurrence takes for a plane outside the volume,
so that a step is five calls on views taken once. Channels go through in blocks that stay in the cache. The
backward pass is the adjoint recurrence.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

Four = tuple[Tensor, Tensor, Tensor, Tensor]

_AXES = ("vertical", "horizontal")
_BLOCK = 2**17  # numbers of a step, or of a product that is summed at once


def run(cost: Tensor, weights: Tensor, reduce: str, keep: bool) -> Four:
    """Aggregate a volume [N, C, D, H, W] with weights [N, 4, 5, H, W].

    The four directions are reduced by ``max``, ``mean``, or ``none``, which stacks them in front.

    Returns:
        The result; which axis is larger, int8 (1 vertical, -1 horizontal, 0 both), for ``max``; and the rows
        of both axes [2, T, N, C, D + 2, P]. All but the result are empty unless `keep` is set.
    """
    n, channels, d, h, w = cost.shape
    result = cost.new_empty((4, *cost.shape) if reduce == "none" else cost.shape)
    which = torch.empty(cost.shape if keep and reduce == "max" else 0, dtype=torch.int8, device=cost.device)
    factors = [_weights_to_rows(weights, axis) for axis in _AXES]
    kept = [cost.new_empty((2, t, n, channels, d + 2, p) if keep else 0) for t, p in ((h, w), (w, h))]
    for block in _blocks(cost):
        part = cost[:, block]
        of_axes: list[Tensor] = []
        for k, axis in enumerate(_AXES):
            x = _to_rows(part, axis)
            y = kept[k][:, :, :, block] if keep else x.new_empty(2, *x.shape[:3], d + 2, x.shape[4])
            _walk(x, factors[k], y)
            forth, back = y[..., 1:-1, :]
            if reduce == "none":
                result[2 * k, :, block] = _to_volume(forth, axis)
                result[2 * k + 1, :, block] = _to_volume(back, axis)
            else:
                both = torch.maximum(forth, back) if reduce == "max" else forth + back
                of_axes.append(_to_volume(both, axis))
        if reduce == "max":
            torch.maximum(*of_axes, out=result[:, block])
            if keep:
                which[:, block] = torch.sub(*of_axes).sign_()
        elif reduce == "mean":
            torch.add(*of_axes, out=result[:, block]).mul_(0.25)
    return result, which, kept[0], kept[1]


def run_backward(
    grad: Tensor,
    cost: Tensor,
    weights: Tensor,
    which: Tensor,
    vertical: Tensor,
    horizontal: Tensor,
    reduce: str,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the volume and of the weights, from that of the result of `run`."""
    grad_cost = torch.zeros_like(cost, memory_format=torch.contiguous_format)
    factors = [_weights_to_rows(weights, axis) for axis in _AXES]
    grad_factors = [torch.zeros_like(w[:, :, :, :, 0, 0]) for w in factors]
    for block in _blocks(cost):
        part = cost[:, block]
        for k, axis in enumerate(_AXES):
            y = (vertical, horizontal)[k][:, :, :, block]
            total = torch.empty_like(y, memory_format=torch.contiguous_format)
            if reduce == "none":
                for way in range(2):
                    total[way, ..., 1:-1, :] = _to_rows(grad[2 * k + way, :, block], axis)
            elif reduce == "mean":
                total[..., 1:-1, :] = _to_rows(grad[:, block], axis) * 0.25
            else:
                sign = which[:, block] if k == 0 else -which[:, block]
                _share(_to_rows(grad[:, block] * _weight_of_larger(sign.to(grad.dtype)), axis), y, total)
            largest = y[..., 1:-1, :].amax(4, keepdim=True)
            _descend(total, y, largest, factors[k])
            x = _to_rows(part, axis)
            of_axis = _to_volume(_volume_gradient(total[..., 1:-1, :], factors[k]), axis)
            grad_cost[:, block].add_(of_axis)  # += would copy the block onto itself
            grad_factors[k] += _weight_gradients(total[..., 1:-1, :], x, y, largest)
    pairs = zip(grad_factors, _AXES, strict=True)
    return grad_cost, torch.cat([_weights_from_rows(g, axis) for g, axis in pairs], 1)


def _blocks(cost: Tensor) -> Iterator[slice]:
    """Yield blocks of channels, small enough that the rows of one step stay in the cache."""
    n, channels, d, h, w = cost.shape
    size = max(1, _BLOCK // (2 * n * d * max(h, w)))
    for start in range(0, channels, size):
        yield slice(start, min(start + size, channels))


def _walk(x: Tensor, weights: Tensor, y: Tensor) -> None:
    """Fill both ways' rows y [2, T, N, C, D + 2, P] from x [T, N, C, D, P]."""
    inner = y[..., 1:-1, :]
    for plane in (0, -1):
        y[0, :-1, ..., plane, :] = x[1:, ..., plane, :]
        y[1, 1:, ..., plane, :] = x[:-1, ..., plane, :]
        y[0, -1, ..., plane, :] = y[1, 0, ..., plane, :] = 0  # never read, but must be a number
    torch.mul(x, weights[0], out=inner)
    for way, first in ((0, 0), (1, -1)):
        torch.mul(x[first], weights[:, way, first].sum(0), out=inner[way, first])
    middle, lower, upper = _shifted(y)
    w1, w2, w3, w4 = (w.unbind(0) for w in _walked(weights)[1:])
    for t in range(1, len(middle)):
        previous, current = middle[t - 1], middle[t]
        current.addcmul_(previous, w1[t]).addcmul_(lower[t - 1], w2[t]).addcmul_(upper[t - 1], w3[t])
        current.addcmul_(previous.amax(3, keepdim=True), w4[t])


def _share(grad: Tensor, y: Tensor, total: Tensor) -> None:
    """Give the gradient of an axis's maximum to the larger of the two ways, to each half where they tie."""
    forth, back = y[..., 1:-1, :]
    first, second = total[..., 1:-1, :]
    _weight_of_larger(torch.sub(forth, back, out=first).sign_()).mul_(grad)
    torch.sub(grad, first, out=second)


def _weight_of_larger(sign: Tensor) -> Tensor:
    """-1, 0, 1 -> 0, 1/2, 1; in place."""
    return sign.add_(1).mul_(0.5)


def _descend(total: Tensor, y: Tensor, largest: Tensor, weights: Tensor) -> None:
    """Let every row of `total` [2, T, N, C, D + 2, P] collect what the row after it made of it."""
    total[..., 0, :] = 0
    total[..., -1, :] = 0
    # What the maximum passes on to a plane: the weight, shared evenly among planes that tie.
    is_largest = y.new_empty(*y.shape[:4], y.shape[4] - 2, y.shape[5])
    torch.eq(y[..., 1:-1, :], largest, out=is_largest)
    share = is_largest.sum(4, keepdim=True).reciprocal_()
    share[0, :-1].mul_(weights[4, 0, 1:])
    share[1, 1:].mul_(weights[4, 1, :-1])
    is_largest.mul_(share)
    middle, lower, upper = _shifted(total)
    w1, w2, w3 = (w.unbind(0) for w in _walked(weights)[1:4])
    shares = _both_ways(is_largest)
    for t in range(len(middle) - 1, 0, -1):
        current, previous = middle[t], middle[t - 1]
        previous.addcmul_(current, w1[t]).addcmul_(upper[t], w2[t]).addcmul_(lower[t], w3[t])
        previous.addcmul_(shares[t - 1], current.sum(3, keepdim=True))


def _volume_gradient(total: Tensor, weights: Tensor) -> Tensor:
    """Return the gradient of x [T, N, C, D, P], from dL/dy with all descendants [2, T, N, C, D, P]."""
    w0, _, w2, w3, _ = weights
    grad = (total[0] * w0[0]).addcmul_(total[1], w0[1])
    for way, first, others in ((0, 0, slice(1, None)), (1, -1, slice(0, -1))):
        grad[first].addcmul_(total[way, first], weights[1:, way, first].sum(0))
        for plane, w in ((0, w2), (-1, w3)):
            grad[others, ..., plane, :].addcmul_(total[way, others, ..., plane, :], w[way, others, ..., 0, :])
    return grad


def _weight_gradients(total: Tensor, x: Tensor, y: Tensor, largest: Tensor) -> Tensor:
    """Return the gradient of the weights, [5, 2, T, N, P]."""
    t, n, _, _, p = x.shape
    grad = x.new_empty(5, 2, t, n, p)
    for way, first, now, before in (
        (0, 0, slice(1, None), slice(0, -1)),
        (1, -1, slice(0, -1), slice(1, None)),
    ):
        _dot(total[way], x, grad[0, way])
        grad[1:, way, first] = grad[0, way, first]
        later, earlier = total[way, now], y[way, before]
        for entry, planes in ((1, slice(1, -1)), (2, slice(0, -2)), (3, slice(2, None))):
            _dot(later, earlier[..., planes, :], grad[entry, way, now])
        grad[4, way, now] = (later.sum(3) * largest[way, before, ..., 0, :]).sum(2)
    return grad


def _dot(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Sum products of [T, N, C, D, P] over channels and planes, some rows at a time."""
    if not len(a):
        return
    rows = max(1, _BLOCK // a[0].numel())
    for start in range(0, len(a), rows):
        part = slice(start, start + rows)
        torch.sum(a[part] * b[part], (2, 3), out=out[part])


def _shifted(y: Tensor) -> tuple[list[Tensor], ...]:
    """Views of each row of both ways, [2, T, ..., D + 2, P]: the planes d, d - 1 and d + 1."""
    return _both_ways(y[..., 1:-1, :]), _both_ways(y[..., :-2, :]), _both_ways(y[..., 2:, :])


def _to_rows(volume: Tensor, axis: str) -> Tensor:
    """[N, C, D, H, W] -> [T, N, C, D, P], contiguous; T runs along the axis, P across."""
    if axis == "vertical":
        return volume.permute(3, 0, 1, 2, 4).contiguous()
    *outer, width = volume.shape
    return volume.reshape(-1, width).t().contiguous().view(width, *outer)  # two dimensions go a faster way


def _to_volume(rows: Tensor, axis: str) -> Tensor:
    """Undo `_to_rows`."""
    if axis == "vertical":
        return rows.permute(1, 2, 3, 0, 4)
    width, *outer = rows.shape
    return rows.reshape(width, -1).t().contiguous().view(*outer, width)


def _weights_to_rows(weights: Tensor, axis: str) -> Tensor:
    """Pick the weights of an axis, forth and back: [N, 4, 5, H, W] -> [5, 2, T, N, 1, 1, P], contiguous."""
    picked = weights[:, :2].transpose(3, 4) if axis == "vertical" else weights[:, 2:]
    return picked.permute(2, 1, 4, 0, 3).contiguous()[:, :, :, :, None, None]


def _weights_from_rows(rows: Tensor, axis: str) -> Tensor:
    """Undo `_weights_to_rows`: [5, 2, T, N, P] -> [N, 2, 5, H, W]."""
    picked = rows.permute(3, 1, 0, 4, 2)
    return picked.transpose(3, 4) if axis == "vertical" else picked


def _both_ways(rows: Tensor) -> list[Tensor]:
    """Return a view [2, ...] of [2, T, ...] for each t: row t of the way forth, row T-1-t of the way back."""
    count = rows.shape[1]
    way, row, *rest = rows.stride()
    return [
        rows.as_strided(
            (2, *rows.shape[2:]), (way + (count - 1 - 2 * t) * row, *rest), rows.storage_offset() + t * row
        )
        for t in range(count)
    ]


def _walked(weights: Tensor) -> Tensor:
    """Copy [5, 2, T, ...] in the order of the steps, like `_both_ways`: [5, T, 2, ...]."""
    forth, back = weights.unbind(1)
    return torch.stack([forth, back.flip(1)], dim=2)
