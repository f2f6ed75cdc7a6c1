"""SGF, the structure-preserving graph-based filter (DSMNet, Zhang et al. 2020, section 3.2).

Four passes run one after the other. Each is a linear recurrence over already filtered neighbours, e.g. down:

    y(r, c) = w0 x(r, c) + w1 y(r-1, c) + w2 y(r-1, c-1) + w3 y(r-1, c+1) + w4 y(r, c-1)

where a neighbour outside the map is replaced by x(r, c), so that normalised weights always form a convex
combination. The other passes are the same recurrence on a flipped or transposed map:
up = flip both axes and swap entries 2 and 3; right = transpose; left = transpose of up.

All four predecessors of a pixel have a smaller t = 2 r + c. Sheared so that t becomes an axis, the map is
filtered one wavefront at a time: W + 2 H steps instead of H W.

For its backward pass the scan keeps ten maps of the size of x, whatever H and W; plain autograd keeps 70 or
more.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dsmnet.errors import ShapeError
from dsmnet.ops.backend import choose_backend

_SWAPPED = (0, 1, 3, 2, 4)  # the entries after a flip: (r-1, c-1) and (r-1, c+1) change places


def sgf(x: Tensor, weights: Tensor, backend: str = "auto") -> Tensor:
    """Filter a map along the graph's edges, all four passes.

    Args:
        x: features (or the planes of a volume as channels), [N, C, H, W].
        weights: [N, 4, 5, H, W]; ``weights[:, k]`` are the five weights of pass k in (down, up, right,
            left), entry 0 the pixel itself, shared over channels and normalised by the caller.
        backend: ``auto``, ``reference`` (plain autograd) or ``scan``.

    Returns:
        The filtered map, [N, C, H, W].

    Raises:
        ShapeError: the weights do not fit the map.
    """
    n, _, h, w = x.shape
    if tuple(weights.shape) != (n, 4, 5, h, w):
        raise ShapeError(
            f"sgf: weights {tuple(weights.shape)} do not fit a map {tuple(x.shape)}; "
            f"expected {(n, 4, 5, h, w)}"
        )
    filter_down = _reference if choose_backend(backend) == "reference" else _Wavefront.apply
    down, up, right, left = weights.unbind(1)
    flip = (-2, -1)
    x = filter_down(x, down)
    x = filter_down(x.flip(flip), up.flip(flip)[:, _SWAPPED]).flip(flip)
    x = x.transpose(2, 3)
    x = filter_down(x, right.transpose(2, 3))
    x = filter_down(x.flip(flip), left.transpose(2, 3).flip(flip)[:, _SWAPPED]).flip(flip)
    return x.transpose(2, 3)


def _reference(x: Tensor, weights: Tensor) -> Tensor:
    """The down pass as written above, vectorised over wavefronts, differentiated by autograd."""
    steps, own = _shear(x), _shear(_own_factor(weights))
    w = _shear(_inside(weights))  # [T, N, 5, H]
    zero = torch.zeros_like(steps[0])
    y: list[Tensor] = []
    for t in range(steps.shape[0]):
        one, two, three = (y[t - k] if t >= k else zero for k in (1, 2, 3))
        factors = [w[t, :, k, None] for k in range(5)]
        value = own[t] * steps[t] + factors[1] * _from_above(two) + factors[2] * _from_above(three)
        y.append(value + factors[3] * _from_above(one) + factors[4] * one)
    return _unshear(torch.stack(y), x.shape[-1])


def _from_above(row: Tensor) -> Tensor:
    """Move [N, C, H] one image row down: entry r becomes that of r - 1, zero at the top."""
    return torch.nn.functional.pad(row[..., :-1], (1, 0))


def _own_factor(weights: Tensor) -> Tensor:
    """The factor of x(r, c): w0 plus the weights whose neighbour lies outside, [N, 1, H, W]."""
    own = weights[:, 0].clone()
    own[:, 0] = own[:, 0] + weights[:, 1:4, 0].sum(1)
    own[:, 1:, 0] = own[:, 1:, 0] + weights[:, 2, 1:, 0]
    own[:, 1:, -1] = own[:, 1:, -1] + weights[:, 3, 1:, -1]
    own[:, :, 0] = own[:, :, 0] + weights[:, 4, :, 0]
    return own[:, None]


def _shear(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [T, N, C, H] with t = 2 r + c and zeros where no pixel lies."""
    n, c, h, w = x.shape
    steps = w + 2 * (h - 1)
    # A row of length T + 2 written into rows of length T shifts each by two more columns than the last.
    padded = torch.nn.functional.pad(x, (0, steps + 2 - w)).reshape(n, c, -1)[..., : h * steps]
    return padded.reshape(n, c, h, steps).permute(3, 0, 1, 2).contiguous()


def _unshear(y: Tensor, width: int) -> Tensor:
    """Undo `_shear`: [T, N, C, H] -> [N, C, H, W]."""
    steps, n, c, h = y.shape
    flat = torch.nn.functional.pad(y.permute(1, 2, 3, 0).reshape(n, c, h * steps), (0, 2 * h))
    return flat.reshape(n, c, h, steps + 2)[..., :width].contiguous()  # a view would hold all of `flat`


class _Wavefront(torch.autograd.Function):
    """The down pass in place with its adjoint.

    For the backward pass it keeps x, weights and y as they are: sheared, they are up to three times larger.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor) -> Tensor:
        own, w1, w2, w3, w4 = _sheared_factors(weights)
        y = _shear(x) * own
        for t in range(1, y.shape[0]):
            current = y[t]
            current.addcmul_(y[t - 1], w4[t])
            current[..., 1:].addcmul_(y[t - 1, ..., :-1], w3[t, ..., 1:])
            if t >= 2:
                current[..., 1:].addcmul_(y[t - 2, ..., :-1], w1[t, ..., 1:])
            if t >= 3:
                current[..., 1:].addcmul_(y[t - 3, ..., :-1], w2[t, ..., 1:])
        out = _unshear(y, x.shape[-1])
        ctx.save_for_backward(x, weights, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor, Tensor]:
        x, weights, out = ctx.saved_tensors
        own, w1, w2, w3, w4 = _sheared_factors(weights)
        steps, y, grad, width = _shear(x), _shear(out), _shear(grad_y), x.shape[-1]
        for t in range(steps.shape[0] - 1, 0, -1):
            current = grad[t]
            grad[t - 1].addcmul_(current, w4[t])
            grad[t - 1, ..., :-1].addcmul_(current[..., 1:], w3[t, ..., 1:])
            if t >= 2:
                grad[t - 2, ..., :-1].addcmul_(current[..., 1:], w1[t, ..., 1:])
            if t >= 3:
                grad[t - 3, ..., :-1].addcmul_(current[..., 1:], w2[t, ..., 1:])
        grad_own = _unshear((grad * steps).sum(2, keepdim=True), width)[:, 0]  # [N, H, W]
        grad_w = grad_own.new_zeros(grad_own.shape[0], 5, *grad_own.shape[1:])
        grad_w[:, 0] = grad_own
        for k, (back, above) in {1: (2, True), 2: (3, True), 3: (1, True), 4: (1, False)}.items():
            product = torch.zeros_like(grad[:, :, :1])
            if above:
                product[back:, :, 0, 1:] = (grad[back:, ..., 1:] * y[:-back, ..., :-1]).sum(2)
            else:
                product[back:, :, 0] = (grad[back:] * y[:-back]).sum(2)
            grad_w[:, k] = _unshear(product, width)[:, 0]
        outside = ~_inside(torch.ones_like(grad_w)).bool()
        return _unshear(grad * own, width), torch.where(outside, grad_own[:, None], grad_w)


def _sheared_factors(weights: Tensor) -> tuple[Tensor, ...]:
    """Return the factor of x and those of the four neighbours, each [T, N, 1, H]."""
    w = _shear(_inside(weights))[:, :, :, None]
    return (_shear(_own_factor(weights)), *(w[:, :, k] for k in range(1, 5)))


def _inside(weights: Tensor) -> Tensor:
    """Set to zero the weights [N, 5, H, W] whose neighbour lies outside the map."""
    inside = weights.clone()
    inside[:, 1:4, 0] = 0
    inside[:, 2, :, 0] = 0
    inside[:, 3, :, -1] = 0
    inside[:, 4, :, 0] = 0
    return inside
