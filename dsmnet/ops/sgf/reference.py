"""SGF as the paper writes it, differentiated by autograd: slow, and what the fast paths are tested against.

Each pass is the down pass on a flipped or transposed map: up = flip both axes and swap entries 2 and 3;
right = transpose; left = transpose of up. It is vectorised over wavefronts t = 2 r + c, which all four
predecessors of a pixel have smaller.
"""

from __future__ import annotations

import torch
from torch import Tensor

_SWAPPED = (0, 1, 3, 2, 4)  # the entries after a flip: (r-1, c-1) and (r-1, c+1) change places


def sgf_reference(x: Tensor, weights: Tensor) -> Tensor:
    """Return x [N, C, H, W] filtered by weights [N, 4, 5, H, W]; autograd keeps 70 maps or more."""
    down, up, right, left = weights.unbind(1)
    flip = (-2, -1)
    x = _down(x, down)
    x = _down(x.flip(flip), up.flip(flip)[:, _SWAPPED]).flip(flip)
    x = x.transpose(2, 3)
    x = _down(x, right.transpose(2, 3))
    x = _down(x.flip(flip), left.transpose(2, 3).flip(flip)[:, _SWAPPED]).flip(flip)
    return x.transpose(2, 3)


def _down(x: Tensor, weights: Tensor) -> Tensor:
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


def _inside(weights: Tensor) -> Tensor:
    """Set to zero the weights [N, 5, H, W] whose neighbour lies outside the map."""
    inside = weights.clone()
    inside[:, 1:4, 0] = 0
    inside[:, 2, :, 0] = 0
    inside[:, 3, :, -1] = 0
    inside[:, 4, :, 0] = 0
    return inside
