"""Soft-argmax over enlarged logits (PSMNet, Chang and Chen 2018, section 3.5) without the enlarged volume.

Trilinear enlargement is linear along each axis in turn. Along the image axes a pixel of one phase (its place
within the cell of `stride` pixels) always lies between the same two neighbours with the same weights, so
that a phase is a blend of shifted maps. Along the disparity axis a level lies between two planes;
every `stride`-th level is again a blend of shifted planes, here called a run. Block by block of rows,
the expectation takes two sums per pixel. For the backward pass the logits, the disparity, the sum of weights
and the largest level are kept, and the blends are computed once more.

Logits may be of any size. They are taken relative to the largest plane of their pixel, and a level relative
to the largest level only after it was blended: so that level has the weight 1 to the last bit, whatever the
rounding of the blend, and no sum overflows or vanishes.

The reference holds `levels` maps of the full size several times over; this holds few, whatever `levels`.
Powers of two take the place of exponentials: they are three times as fast on a CPU.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from dsmnet.ops.backend import choose_backend
from dsmnet.ops.operator import register

_BLOCK_ON_CPU = 2**18  # numbers in a block: stays in a CPU's cache
_BLOCK_ON_GPU = 2**25  # fills a GPU


def full_size_soft_argmax(logits: Tensor, stride: int, levels: int, backend: str = "auto") -> Tensor:
    """Enlarge logits trilinearly (corners not aligned); return the expectation of a softmax over the levels.

    Args:
        logits: [N, D, h, w], larger is better; float32 or float64. What is infinite counts as an eighth of
            the largest number, so that a level beside a plane of -inf has no weight.
        stride: Enlargement of the image axes.
        levels: Size of the enlarged disparity axis, at least D.
        backend: ``reference`` (plain operations), any other name of `choose_backend` for the blockwise form.
            An export (torch.export, ONNX, tracing) always gets the reference.

    Returns:
        Disparity in levels, [N, stride h, stride w].

    Example:
        >>> logits = torch.full((1, 4, 2, 2), -100.0)
        >>> logits[:, 1] = 100.0
        >>> full_size_soft_argmax(logits, stride=1, levels=4)[0]
        tensor([[1., 1.],
                [1., 1.]])
    """
    if _exporting() or choose_backend(backend) == "reference":
        return _reference(logits, stride, levels)
    disparity, _, _ = _soft_argmax(logits, stride, levels)
    return F.pixel_shuffle(disparity, stride).squeeze(1)


def _exporting() -> bool:
    return torch.jit.is_tracing() or torch.onnx.is_in_onnx_export() or torch.compiler.is_exporting()


def _reference(logits: Tensor, stride: int, levels: int) -> Tensor:
    size = (levels, stride * logits.shape[-2], stride * logits.shape[-1])
    fine = F.interpolate(_finite(logits[:, None]), size=size, mode="trilinear", align_corners=False)
    disparities = torch.arange(levels, device=fine.device, dtype=fine.dtype)
    return torch.einsum("ndhw,d->nhw", fine.squeeze(1).softmax(1), disparities)


def _run(logits: Tensor, stride: int, levels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the disparity, the sum of weights and the largest level (below the largest plane, base 2).

    Each [N, stride**2, h, w], a channel per phase; a weight is relative to that of the largest level.
    """
    n, planes, h, w = logits.shape
    disparity = logits.new_empty(n, stride**2, h, w)
    sums, peaks = torch.empty_like(disparity), torch.empty_like(disparity)
    middle = (levels - 1) / 2  # moments about it lose less to rounding
    runs = _runs(planes, levels, logits.dtype, logits.device)
    padded = _pad(logits)
    for block in _blocks(logits, stride):
        fine = _below_largest(block.enlarge(padded))
        buffer = torch.empty_like(fine)
        peak = fine.new_full((n, 1, block.height, w), -math.inf)
        for run in runs:
            if run.outermost:
                torch.maximum(peak, run.blend(fine, buffer).amax(1, keepdim=True), out=peak)
        total, moment = torch.zeros_like(peak), torch.zeros_like(peak)
        for run in runs:
            weights = run.blend(fine, buffer).sub_(peak).exp2_()
            total.add_(weights.sum(1, keepdim=True))
            moment.add_(weights.mul_(run.levels - middle).sum(1, keepdim=True))
        block.of(disparity).copy_(moment.div_(total).add_(middle))
        block.of(sums).copy_(total)
        block.of(peaks).copy_(peak)
    return disparity, sums, peaks


def _run_backward(
    grad: Tensor, logits: Tensor, disparity: Tensor, sums: Tensor, peaks: Tensor, stride: int, levels: int
) -> Tensor:
    """Return the gradient of the logits; a level of weight p has ``grad * p * (level - disparity)``."""
    runs = _runs(logits.shape[1], levels, logits.dtype, logits.device)
    padded = _pad(logits)
    grad_padded = torch.zeros_like(padded)
    for block in _blocks(logits, stride):
        fine, peak = _below_largest(block.enlarge(padded)), block.of(peaks)
        grad_fine, buffer, distance = torch.zeros_like(fine), torch.empty_like(fine), torch.empty_like(fine)
        for run in runs:
            change = run.blend(fine, buffer).sub_(peak).exp2_()
            away = torch.sub(run.levels, block.of(disparity), out=distance[:, : run.count])
            run.blend_adjoint(change.mul_(away), grad_fine)
        block.enlarge_adjoint(grad_fine.mul_(block.of(grad) / block.of(sums)), grad_padded)
    return _pad_adjoint(grad_padded).masked_fill_(logits.abs() > _most(logits), 0)


def _fake(logits: Tensor, stride: int, levels: int) -> tuple[Tensor, Tensor, Tensor]:
    n, _, h, w = logits.shape
    disparity, sums, peaks = (logits.new_empty(n, stride**2, h, w) for _ in range(3))
    return disparity, sums, peaks


_soft_argmax = register("full_size_soft_argmax", _run, _run_backward, _fake, tensors=1)


@dataclass(frozen=True)
class _Run:
    """Levels that lie one each between consecutive planes."""

    first: int  # index of the plane before the first level
    count: int
    fractions: Tensor  # [count, 1, 1], positions between the two planes
    levels: Tensor  # [count, 1, 1], the disparities
    outermost: bool  # the first or the last between their planes; the largest level is among these

    def blend(self, planes: Tensor, buffer: Tensor) -> Tensor:
        """Return the logits of the levels, [N, count, h, w], in the buffer."""
        below, above = self._neighbours(planes)
        return torch.lerp(below, above, self.fractions, out=buffer[:, : self.count])

    def blend_adjoint(self, grad: Tensor, grad_planes: Tensor) -> None:
        """Add the gradient of the levels to that of the planes."""
        below, above = self._neighbours(grad_planes)
        below.addcmul_(grad, 1 - self.fractions)
        above.addcmul_(grad, self.fractions)

    def _neighbours(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        return planes.narrow(1, self.first, self.count), planes.narrow(1, self.first + 1, self.count)


@lru_cache(maxsize=16)
def _runs(planes: int, levels: int, dtype: torch.dtype, device: torch.device) -> tuple[_Run, ...]:
    """Return the runs that make up all levels, over planes padded by one at both ends.

    Kept, as tables of a CPU: to copy them for each call would wait for the GPU.
    """
    places = [_place(level, planes, levels) for level in range(levels)]
    step = round(levels / planes)
    chains: list[list[int]] = []
    for start in range(step):
        for level in range(start, levels, step):
            before = level - step
            if before < 0 or not _continues(places, before, level):
                chains.append([])
            chains[-1].append(level)

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=dtype, device=device).view(-1, 1, 1)

    return tuple(
        _Run(
            1 + places[chain[0]][0],
            len(chain),
            column([places[level][1] for level in chain]),
            column([float(level) for level in chain]),
            _outermost(places, chain[0]),
        )
        for chain in chains
    )


def _continues(places: list[tuple[int, float]], before: int, level: int) -> bool:
    one_further = places[level][0] == places[before][0] + 1
    return one_further and _outermost(places, level) == _outermost(places, before)


def _outermost(places: list[tuple[int, float]], level: int) -> bool:
    """Whether the level is the first or the last between its two planes."""
    around = (level - 1, level + 1)
    return any(not 0 <= k < len(places) or places[k][0] != places[level][0] for k in around)


def _place(index: int, size: int, enlarged: int) -> tuple[int, float]:
    """Return where an entry of the enlarged axis lies on the axis: entry before it (from -1), fraction."""
    whole, rest = divmod((2 * index + 1) * size - enlarged, 2 * enlarged)
    return whole, rest / (2 * enlarged)


@dataclass(frozen=True)
class _Block:
    """Rows of one phase of the enlarged image."""

    channel: int  # of the phase
    top: int  # first row, in rows of the logits
    height: int
    row: tuple[int, float]  # place of the phase among the rows, see `_place`
    column: tuple[int, float]

    def of(self, maps: Tensor) -> Tensor:
        """Return this part of [N, phases, h, w] as [N, 1, height, w]."""
        return maps[:, self.channel, None, self.top : self.top + self.height]

    def enlarge(self, padded: Tensor) -> Tensor:
        """Blend the padded logits [N, D + 2, h + 2, w + 2] -> [N, D + 2, height, w]."""
        lines = torch.lerp(*self._neighbours(padded, 2), self.row[1])
        return torch.lerp(*self._neighbours(lines, 3), self.column[1])

    def enlarge_adjoint(self, grad: Tensor, grad_padded: Tensor) -> None:
        """Add the gradient of the enlarged logits to that of the padded ones."""
        grad_lines = grad.new_zeros(*grad.shape[:3], grad_padded.shape[3])
        for into, share, axis, fraction in (
            (grad_lines, grad, 3, self.column[1]),
            (grad_padded, grad_lines, 2, self.row[1]),
        ):
            before, after = self._neighbours(into, axis)
            before.add_(share, alpha=1 - fraction)
            after.add_(share, alpha=fraction)

    def _neighbours(self, x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
        if axis == 2:
            start, count = 1 + self.top + self.row[0], self.height
        else:
            start, count = 1 + self.column[0], x.shape[3] - 2
        return x.narrow(axis, start, count), x.narrow(axis, start + 1, count)


def _blocks(logits: Tensor, stride: int) -> Iterator[_Block]:
    """Yield blocks that make up the enlarged image."""
    n, planes, h, w = logits.shape
    limit = _BLOCK_ON_GPU if logits.is_cuda else _BLOCK_ON_CPU
    step = max(1, limit // (n * (planes + 2) * w))
    phases = [_place(k, 1, stride) for k in range(stride)]
    for y, row in enumerate(phases):
        for x, column in enumerate(phases):
            for top in range(0, h, step):
                yield _Block(y * stride + x, top, min(step, h - top), row, column)


def _below_largest(planes: Tensor) -> Tensor:
    """Subtract each pixel's largest plane, in place."""
    return planes.sub_(planes.amax(1, keepdim=True))


def _finite(logits: Tensor) -> Tensor:
    """Return logits that can be blended: infinite ones would make nan with a share of 0."""
    return logits.clamp(-_most(logits), _most(logits))


def _most(logits: Tensor) -> float:
    return torch.finfo(logits.dtype).max / 8


def _pad(logits: Tensor) -> Tensor:
    """Repeat the border along all three axes; logits of base 2."""
    padded = F.pad(_finite(logits[:, None]), (1,) * 6, mode="replicate")
    return padded.squeeze(1).mul_(math.log2(math.e))


def _pad_adjoint(grad: Tensor) -> Tensor:
    for axis in (1, 2, 3):
        last = grad.shape[axis] - 1
        grad.narrow(axis, 1, 1).add_(grad.narrow(axis, 0, 1))
        grad.narrow(axis, last - 1, 1).add_(grad.narrow(axis, last, 1))
        grad = grad.narrow(axis, 1, last - 1)
    return grad.contiguous()
