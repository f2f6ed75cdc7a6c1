"""SGA as Triton kernels: a program walks a direction for a block of positions, all planes of one channel.

The planes above and below are read back from what the program wrote for the row before;
`dsmnet.ops.sgf.fused` says why it may. The row itself and its maximum stay in registers, and nothing but the
four results is stored. A direction is given by strides, so no volume is transposed: along columns a read is
not contiguous, but the next steps use the rest of each sector from the cache.

Bandwidth bounds it: forward moves two volumes a direction, backward five for the adjoint and three for the
gradient of the weights. For (4, 32, 48, 64, 128) in float32 that is 8.1 GB, 2.4 ms at 3.3 TB/s; the chain of
2 (64 + 128) steps forward and as many backward takes an estimated 0.8 ms.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.language import constexpr

Four = tuple[Tensor, Tensor, Tensor, Tensor]


def run(cost: Tensor, weights: Tensor) -> Four:
    """Return (down, up, right, left) [N, C, D, H, W] of a volume and its weights [N, 4, 5, H, W]."""
    x, weights = cost.contiguous(), weights.contiguous()
    n, c, d, h, w = x.shape
    down, up, right, left = (torch.empty_like(x) for _ in range(4))
    with torch.cuda.device_of(x):
        for k, y in enumerate((down, up, right, left)):
            steps, across, launch = _launch(x, k)
            grid = (n * c, triton.cdiv(across, launch["BLOCK"]))
            _forward[grid](x, weights, y, c, d, h, w, k, steps, across, **launch)
    return down, up, right, left


def run_backward(grads: Four, cost: Tensor, weights: Tensor, results: Four) -> tuple[Tensor, Tensor]:
    """Return the gradients of the volume and of the weights, from those of the four results of `run`."""
    x, weights = cost.contiguous(), weights.contiguous()
    n, c, d, h, w = x.shape
    grad_x, grad_weights, total = torch.zeros_like(x), torch.empty_like(weights), torch.empty_like(x)
    with torch.cuda.device_of(x):
        for k, (grad, y) in enumerate(zip(grads, results, strict=True)):
            steps, across, launch = _launch(x, k)
            blocks = triton.cdiv(across, launch["BLOCK"])
            size = (c, d, h, w, k, steps, across)
            _adjoint[(n * c, blocks)](grad.contiguous(), weights, y, total, grad_x, *size, **launch)
            _weight_gradient[(n * steps, blocks)](total, x, y, grad_weights, *size, **launch)
    return grad_x, grad_weights


def _launch(x: Tensor, direction: int) -> tuple[int, int, dict[str, int]]:
    """Return the steps of a direction, the positions across, and a launch with about 2048 values."""
    depth, height, width = x.shape[2:]
    steps, across = (height, width) if direction < 2 else (width, height)
    planes = triton.next_power_of_2(depth)
    block = min(triton.next_power_of_2(across), max(2048 // planes, 8))
    return steps, across, {"PLANES": planes, "BLOCK": block, "num_warps": 4, "num_stages": 1}


@triton.jit
def _pixel(step, position, direction, H, W):
    """Where a step of a direction (down, up, right, left) lies in a plane."""
    vertical = direction < 2
    last = tl.where(vertical, H, W) - 1
    along = tl.where(direction % 2 == 1, last - step, step)
    return tl.where(vertical, along * W + position, position * W + along)


@triton.jit
def _entry(weights, k: constexpr, image, direction, pixel, mask, H, W):
    place = ((image * 4 + direction) * 5 + k) * H * W + pixel
    return tl.load(weights + place, mask, 0.0)[None, :]


@triton.jit
def _forward(x, weights, y, C, D, H, W, direction, steps, across, PLANES: constexpr, BLOCK: constexpr):
    program = tl.program_id(0).to(tl.int64)
    image = program // C
    position = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    d = tl.arange(0, PLANES)[:, None]
    there = position < across
    mask = (d < D) & there[None, :]
    planes = program * D * H * W + d * H * W
    previous = tl.zeros([PLANES, BLOCK], x.dtype.element_ty)
    largest = tl.zeros([1, BLOCK], x.dtype.element_ty)
    for step in range(steps):
        pixel = _pixel(step, position, direction, H, W)
        before = planes + _pixel(step - 1, position, direction, H, W)[None, :]
        own = tl.load(x + planes + pixel[None, :], mask, 0.0)
        inside = step > 0
        has_lower, has_upper = mask & inside & (d > 0), mask & inside & (d < D - 1)
        lower = tl.where(has_lower, tl.load(y + before - H * W, has_lower, 0.0), own)
        upper = tl.where(has_upper, tl.load(y + before + H * W, has_upper, 0.0), own)
        value = _entry(weights, 0, image, direction, pixel, there, H, W) * own
        value += _entry(weights, 1, image, direction, pixel, there, H, W) * tl.where(inside, previous, own)
        value += _entry(weights, 2, image, direction, pixel, there, H, W) * lower
        value += _entry(weights, 3, image, direction, pixel, there, H, W) * upper
        value += _entry(weights, 4, image, direction, pixel, there, H, W) * tl.where(inside, largest, own)
        tl.store(y + planes + pixel[None, :], value, mask)
        previous = value
        largest = tl.max(tl.where(d < D, value, float("-inf")), 0)[None, :]
        tl.debug_barrier()


@triton.jit
def _adjoint(
    grad, weights, y, total, grad_x, C, D, H, W, direction, steps, across, PLANES: constexpr, BLOCK: constexpr
):
    program = tl.program_id(0).to(tl.int64)
    image = program // C
    position = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    d = tl.arange(0, PLANES)[:, None]
    there = position < across
    mask = (d < D) & there[None, :]
    planes = program * D * H * W + d * H * W
    following = tl.zeros([PLANES, BLOCK], grad.dtype.element_ty)
    for back in range(steps):
        step = steps - 1 - back
        pixel = _pixel(step, position, direction, H, W)
        place = planes + pixel[None, :]
        value = tl.load(grad + place, mask, 0.0)
        # What the next step made of this one; the weights are those of the next.
        after = _pixel(step + 1, position, direction, H, W)
        has = there & (back > 0)
        next_place = planes + after[None, :]
        above, under = has[None, :] & (d < D - 1), has[None, :] & (d > 0) & (d < D)
        w2 = _entry(weights, 2, image, direction, after, has, H, W)
        w3 = _entry(weights, 3, image, direction, after, has, H, W)
        value += _entry(weights, 1, image, direction, after, has, H, W) * following
        value += w2 * tl.load(total + next_place + H * W, above, 0.0)
        value += w3 * tl.load(total + next_place - H * W, under, 0.0)
        result = tl.where(d < D, tl.load(y + place, mask, 0.0), float("-inf"))
        first = tl.min(tl.where(result == tl.max(result, 0)[None, :], d, PLANES), 0)[None, :]
        w4 = _entry(weights, 4, image, direction, after, has, H, W)
        value += tl.where(d == first, w4 * tl.sum(following, 0)[None, :], 0.0)
        value = tl.where(mask, value, 0.0)
        tl.store(total + place, value, mask)
        following = value

        outside = step == 0
        factor = _entry(weights, 0, image, direction, pixel, there, H, W)
        factor += tl.where(outside, _entry(weights, 1, image, direction, pixel, there, H, W), 0.0)
        factor += tl.where(outside, _entry(weights, 4, image, direction, pixel, there, H, W), 0.0)
        w2 = _entry(weights, 2, image, direction, pixel, there, H, W)
        w3 = _entry(weights, 3, image, direction, pixel, there, H, W)
        own = factor + tl.where(outside | (d == 0), w2, 0.0) + tl.where(outside | (d == D - 1), w3, 0.0)
        tl.store(grad_x + place, tl.load(grad_x + place, mask, 0.0) + own * value, mask)
        tl.debug_barrier()


@triton.jit
def _weight_gradient(
    total, x, y, grad_weights, C, D, H, W, direction, steps, across, PLANES: constexpr, BLOCK: constexpr
):
    image = tl.program_id(0).to(tl.int64) // steps
    step = tl.program_id(0) % steps
    position = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    d = tl.arange(0, PLANES)[:, None]
    there = position < across
    mask = (d < D) & there[None, :]
    inside = mask & (step > 0)
    has_lower, has_upper = inside & (d > 0), inside & (d < D - 1)
    pixel = _pixel(step, position, direction, H, W)
    before = _pixel(step - 1, position, direction, H, W)[None, :]
    zero = tl.zeros([BLOCK], total.dtype.element_ty)
    g0, g1, g2, g3, g4 = zero, zero, zero, zero, zero
    for channel in range(C):
        planes = (image * C + channel) * D * H * W + d * H * W
        g = tl.load(total + planes + pixel[None, :], mask, 0.0)
        own = tl.load(x + planes + pixel[None, :], mask, 0.0)
        middle = tl.where(inside, tl.load(y + planes + before, inside, 0.0), own)
        lower = tl.where(has_lower, tl.load(y + planes + before - H * W, has_lower, 0.0), own)
        upper = tl.where(has_upper, tl.load(y + planes + before + H * W, has_upper, 0.0), own)
        largest = tl.max(tl.where(d < D, middle, float("-inf")), 0)[None, :]
        g0 += tl.sum(g * own, 0)
        g1 += tl.sum(g * middle, 0)
        g2 += tl.sum(g * lower, 0)
        g3 += tl.sum(g * upper, 0)
        g4 += tl.sum(g * tl.where(step > 0, largest, own), 0)
    base = grad_weights + (image * 4 + direction) * 5 * H * W + pixel
    tl.store(base, g0, there)
    tl.store(base + H * W, g1, there)
    tl.store(base + 2 * H * W, g2, there)
    tl.store(base + 3 * H * W, g3, there)
    tl.store(base + 4 * H * W, g4, there)
