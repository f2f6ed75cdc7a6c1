"""Convolution of a concatenated cost volume without holding the volume in memory.

An element (dd, dx) of a 3x3x3 kernel at plane d and column x reads left (x + dx) and right (x + dx - d - dd).
The left half is hence the same in all planes, the right half depends on u = x - d alone, and both are 2-D
convolutions. Where the volume ends (zero for x < d) elements drop out: at u = -3 and below all, at u = -2 ..
1 some, which takes kernels of their own, from u = 2 on none. In the last column the elements dx = 1 drop out.
The first and the last plane lack a plane beside them and are convolved as they are: two planes each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from dsmnet.ops.backend import memory_format, widen

_NEAR = range(-2, 2)  # u where some of the kernel's elements drop out


def convolve_pair(left: Tensor, right: Tensor, planes: int, weight: Tensor) -> Tensor:
    """Convolve the concatenated volume of two views with a 3x3x3 kernel, padding 1.

    Computed in float32 (or float64), as sums of several convolutions; autocast rounds the result alone.

    Features are [N, C, h, w], the kernel is [O, 2 C, 3, 3, 3].

    Returns:
        [N, O, D, h, w] in the type that the convolution would give and the memory format of `weight`.
    """
    device = left.device.type
    cast = torch.is_autocast_enabled(device) and left.dtype != torch.float64
    dtype = torch.get_autocast_dtype(device) if cast else left.dtype
    with torch.autocast(device, enabled=False):
        left, right, weight = widen(left), widen(right), widen(weight)
        if planes == 1:
            return _end(left, right, range(1), weight[:, :, 1:2]).to(dtype)
        first = _end(left, right, range(2), weight[:, :, 1:])
        last = _end(left, right, range(planes - 2, planes), weight[:, :, :2])
        if planes == 2:
            return torch.cat([first, last], dim=2).to(dtype)
        maps = _maps(left, right, weight)
        out: Tensor = _Assemble.apply(first, last, planes, dtype, memory_format(weight), *maps)
        return out


def concat_plane(left: Tensor, right: Tensor, d: int) -> Tensor:
    """Return plane `d` of the concatenated volume, [N, 2 C, h, w]."""
    width = left.shape[-1]
    shift = min(d, width)
    return F.pad(torch.cat([left[..., shift:], right[..., : width - shift]], dim=1), (shift, 0))


def _end(left: Tensor, right: Tensor, planes: range, kernel: Tensor) -> Tensor:
    """Convolve the planes at an end of the volume to the plane at the end, [N, O, 1, h, w]."""
    beside = torch.cat([concat_plane(left, right, d) for d in planes], dim=1)
    return _conv2d(beside, kernel.transpose(1, 2).flatten(1, 2), (1, 1)).unsqueeze(2)


def _conv2d(x: Tensor, kernel: Tensor, padding: tuple[int, int]) -> Tensor:
    """Convolve in channels last, where few channels run faster and the parts of the volume are contiguous."""
    return F.conv2d(x, kernel.contiguous(memory_format=torch.channels_last), padding=padding)


def _maps(left: Tensor, right: Tensor, weight: Tensor) -> list[Tensor]:
    """Return what the inner planes consist of.

    The left half [N, O, h, w] with all elements, and [N, 4, O, h, w] at u = -2 .. 1; the right half
    [N, O, h, w + 2] from u = -2 on; the same for the last column, backwards: by d from 0 on.
    """
    of_left, of_right = weight.chunk(2, dim=1)
    left_mask = _mask(lambda dd, dx, u: dd - dx <= u, _NEAR, weight)
    near = torch.einsum("ocdyx,kdx->kocyx", of_left, left_mask).flatten(0, 1)
    right_mask = _mask(lambda dd, dx, e: dx - dd == e, range(-2, 3), weight)
    shifted = torch.einsum("ocdyx,edx->ocye", of_right, right_mask)
    edge = torch.einsum("ocdyx,edx->ocye", of_right[..., :2], right_mask[..., :2])
    padded = F.pad(right, (4, 2))
    return [
        _conv2d(left, of_left.sum(2), (1, 1)),
        _conv2d(left, near, (1, 1)).unflatten(1, (len(_NEAR), -1)),
        _conv2d(padded, shifted, (1, 0)),
        _conv2d(padded, edge, (1, 0)).flip(-1),
    ]


def _mask(active: Callable[[Tensor, Tensor, Tensor], Tensor], values: range, like: Tensor) -> Tensor:
    """Return [len(values), 3, 3], 1 where the element (dd, dx) is active; made on the device of `like`."""
    offsets = torch.arange(-1, 2, device=like.device)
    value = torch.arange(values.start, values.stop, device=like.device)[:, None, None]
    return active(offsets[:, None], offsets, value).to(like.dtype)


class _Assemble(torch.autograd.Function):
    """Write each voxel once, into one volume; the gradient is read as often."""

    @staticmethod
    def forward(
        ctx: Any,
        first: Tensor,
        last: Tensor,
        planes: int,
        dtype: torch.dtype,
        layout: torch.memory_format,
        *maps: Tensor,
    ) -> Tensor:
        n, channels, _, h, w = first.shape
        ctx.shapes, ctx.dtype = [x.shape for x in maps], first.dtype
        size = (n, channels, planes, h, w)
        out = torch.empty(size, dtype=dtype, device=first.device, memory_format=layout)
        out[:, :, :1], out[:, :, -1:] = first, last
        for d in range(3, planes - 1):
            out[:, :, d, :, : d - 2] = 0
        for place, left, right in _pieces(out, *maps):
            torch.add(left, right, out=place)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        maps = [grad.new_zeros(shape, dtype=ctx.dtype) for shape in ctx.shapes]
        for change, left, right in _pieces(grad, *maps):
            change = change.to(ctx.dtype)
            left += change.sum_to_size(left.shape)
            right += change.sum_to_size(right.shape)
        first, last = (grad[:, :, k : k + 1].to(ctx.dtype) for k in (0, grad.shape[2] - 1))
        return first, last, None, None, None, *maps


def _pieces(
    volume: Tensor, full: Tensor, near: Tensor, shifted: Tensor, edge: Tensor
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield the parts of the inner planes, disjoint, as views, with what adds up to each of them.

    A sum of two views has the shape of the part. Left out is x < d - 2, which is zero.
    """
    end, w = volume.shape[2] - 1, volume.shape[-1]
    for d in range(1, min(end, w - 3)):
        yield volume[:, :, d, :, d + 2 : -1], full[..., d + 2 : -1], shifted[..., 4 : w + 1 - d]
    far = min(end, w - 2)  # planes where no element drops out in the last column but those beyond it
    if far > 1:
        yield volume[:, :, 1:far, :, -1].transpose(2, 3), full[..., -1:], edge[..., 1:far]
    for k, u in enumerate(_NEAR):
        start, stop = max(1, -u), min(end, w - 1 - u)
        if stop > start:
            x = slice(start + u, stop + u)
            diagonal = volume[:, :, start:stop, :, x].diagonal(0, 2, 4)
            yield diagonal, near[:, k, ..., x], shifted[..., u + 2 : u + 3]
        d = w - 1 - u  # where u meets the last column
        if 1 <= d < end:
            yield volume[:, :, d, :, -1:], near[:, k, ..., -1:], edge[..., d : d + 1]
