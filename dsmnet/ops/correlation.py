"""Group-wise correlation of two maps (GwcNet, Guo et al. 2019, eq. 3) as one operator, block by block.

A pixel of the right map at column u meets the left one at u + d in plane d. Counted by u and d, all three
(right map, left map, volume) advance by constant steps, so that one call of torch multiplies and adds a whole
block of planes and rows for one channel of every group. What runs over the end of a line lands where x < d in
the next one, which is zeroed at the end. Groups lie innermost (channels last): lines are long, and the 3-D
convolutions that follow want them so.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from dsmnet.ops.backend import widen
from dsmnet.ops.operator import register

_BLOCK_ON_CPU = 2**17  # numbers of a block of the result: stays in a CPU's cache
_BLOCK_ON_GPU = 2**26  # fills a GPU
_COLUMNS = 16  # of the left map that a graph compares with their window of the right one


def groupwise_correlation(left: Tensor, right: Tensor, planes: int) -> Tensor:
    """Return the sum of products over the K channels of each of G groups, of maps [N, G, K, h, w].

    Returns:
        [N, G, D, h, w], channels last; plane d compares left (x, y) with right (x - d, y), zero where x < d.
        Half precision is summed in float32.

    Example:
        >>> maps = torch.ones(1, 2, 4, 3, 5)
        >>> groupwise_correlation(maps, maps, 3)[0, 0, :, 0].int()
        tensor([[4, 4, 4, 4, 4],
                [0, 4, 4, 4, 4],
                [0, 0, 4, 4, 4]], dtype=torch.int32)
    """
    volume: Tensor = _correlate(widen(left), widen(right), planes)
    return volume.to(left.dtype)


def correlation_in_a_graph(left: Tensor, right: Tensor, planes: int) -> Tensor:
    """`groupwise_correlation` in a dozen plain operations, however many planes: for a graph capture.

    Some neighbouring columns meet all that they may match in one product of matrices [x, u], u counted from
    the right. Plane d lies on its d-th diagonal; read with rows one shorter, the diagonals are columns.
    """
    w, span = left.shape[-1], _COLUMNS + planes - 1
    blocks = (w + _COLUMNS - 1) // _COLUMNS + 1  # never one, which a graph would take for a rule
    beyond = 2 * _COLUMNS - 1
    near = F.pad(left, (0, beyond))[..., : blocks * _COLUMNS].unflatten(-1, (blocks, _COLUMNS))
    first = torch.arange(blocks, device=left.device)[:, None] * _COLUMNS
    window = first + torch.arange(span - 1, -1, -1, device=left.device)
    far = F.pad(right, (planes - 1, beyond))[..., window]
    met = near.permute(0, 1, 3, 4, 5, 2) @ far.permute(0, 1, 3, 4, 2, 5)  # [N, G, h, blocks, columns, span]
    diagonals = met.flatten(-2)[..., _COLUMNS - 1 : _COLUMNS - 1 + _COLUMNS * (span - 1)]
    volume = diagonals.unflatten(-1, (_COLUMNS, span - 1))[..., :planes]
    return volume.permute(0, 1, 5, 2, 3, 4).flatten(-2)[..., :w]


def _run(left: Tensor, right: Tensor, planes: int) -> Tensor:
    n, groups, k, h, w = left.shape
    line = w * groups
    plane = h * line
    inside = min(planes, w)
    volume = left.new_empty(n * planes * plane + inside * groups)  # room behind the last line
    near, far = _lines(left, room=inside * groups), _lines(right)
    for i, rows, several in _blocks(n, h, inside, line, left.device):
        first = several.start
        size = (len(several), len(rows), line - first * groups)
        start = (i * planes + first) * plane + rows.start * line + first * groups
        out = volume.as_strided(size, (plane + groups, line, 1), start)
        for c in range(k):
            start = (c * n + i) * plane + rows.start * line
            a = near.as_strided(size, (groups, line, 1), start + first * groups)
            b = far.as_strided(size, (0, line, 1), start)
            if c:
                out.addcmul_(a, b)
            else:
                torch.mul(a, b, out=out)
    result = volume[: n * planes * plane].view(n, planes, h, line)
    for d in range(1, planes):
        result[:, d, :, : d * groups] = 0
    return result.view(n, planes, h, w, groups).permute(0, 4, 1, 2, 3)


def _run_backward(grad: Tensor, left: Tensor, right: Tensor, planes: int) -> tuple[Tensor, Tensor]:
    n, groups, k, h, w = left.shape
    line = w * groups
    shape = (k, n, h, line)
    near, far = (_lines(x).view(shape) for x in (left, right))
    grad_near, grad_far = torch.zeros_like(near), torch.zeros_like(far)
    change = grad.permute(0, 2, 3, 4, 1).contiguous().view(n, planes, h, line)
    for i, rows, _ in _blocks(n, h, 1, k * line, left.device):
        y = slice(rows.start, rows.stop)
        for d in range(min(planes, w)):
            here, there = slice(d * groups, None), slice(0, line - d * groups)
            g = change[i, d, y, here]
            grad_near[:, i, y, here].addcmul_(g, far[:, i, y, there])
            grad_far[:, i, y, there].addcmul_(g, near[:, i, y, here])
    first, second = (x.view(k, n, h, w, groups).permute(1, 4, 0, 2, 3) for x in (grad_near, grad_far))
    return first, second


def _fake(left: Tensor, right: Tensor, planes: int) -> Tensor:
    n, groups, _, h, w = left.shape
    return left.new_empty(n, planes, h, w, groups).permute(0, 4, 1, 2, 3)


def _fake_backward(grad: Tensor, left: Tensor, right: Tensor, planes: int) -> tuple[Tensor, Tensor]:
    n, groups, k, h, w = left.shape
    first, second = (left.new_empty(k, n, h, w, groups).permute(1, 4, 0, 2, 3) for _ in range(2))
    return first, second


_correlate = register("groupwise_correlation", _run, _run_backward, _fake, _fake_backward, saves_them=False)


def _lines(x: Tensor, room: int = 0) -> Tensor:
    """Copy [N, G, K, h, w] in the order [K, N, h, w, G], flat, with room behind it."""
    n, groups, k, h, w = x.shape
    flat = x.new_zeros(x.numel() + room)
    flat[: x.numel()].view(k, n, h, w, groups).copy_(x.permute(2, 0, 3, 4, 1))
    return flat


def _blocks(
    n: int, h: int, planes: int, line: int, device: torch.device
) -> Iterator[tuple[int, range, range]]:
    """Yield image, rows and planes of blocks: all planes of some rows, or some planes of one row."""
    limit = _BLOCK_ON_GPU if device.type == "cuda" else _BLOCK_ON_CPU
    rows = max(1, limit // (planes * line))
    several = planes if rows > 1 else max(1, min(planes, limit // line))
    for i in range(n):
        for y in range(0, h, rows):
            for d in range(0, planes, several):
                yield i, range(y, min(y + rows, h)), range(d, min(d + several, planes))
