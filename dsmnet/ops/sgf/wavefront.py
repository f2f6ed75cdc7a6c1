"""SGF as a sweep over wavefronts, in torch alone: the fast path on a CPU.

All four predecessors of a pixel (r, c) of the down pass have a smaller t = 2 r + c, so the pixels of one t
are filtered together: W + 2 H steps instead of H W. The map is laid out once in the order of t, channels
last. A wavefront and each of its neighbours are then slices of that array: a step copies and pads nothing.

The up pass visits the same wavefronts backwards, and so does the adjoint of the down pass. The right and left
passes are the down and up passes of the transposed map.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from dsmnet.ops.sgf.reference import NEIGHBOURS

Four = tuple[Tensor, Tensor, Tensor, Tensor]

# The part of a wavefront that has a certain neighbour: start, stop, and where the slice of neighbours starts.
Link = tuple[int, int, int]
Fronts = tuple[tuple[Link, ...], ...]  # of each wavefront a link for each of the four entries; some are empty


class Sweep(NamedTuple):
    """One pass over a map [H, W] as an array [HW], in the order of its wavefronts."""

    order: Tensor  # [HW] pixel at each place
    place: Tensor  # [HW] place of each pixel
    fronts: Fronts
    neighbours: Tensor  # [4, HW] places in the array, 0 where there is none
    outside: Tensor  # bool [4, HW], where there is none


class Plan(NamedTuple):
    """The four passes, and the way from the array of the map to that of its transpose and back."""

    down: Sweep
    up: Sweep
    right: Sweep
    left: Sweep
    turn: Tensor
    turn_back: Tensor


def run(x: Tensor, weights: Tensor) -> Four:
    """Filter a map [N, C, H, W] with weights [N, 4, 5, H, W] of the same type.

    Returns:
        The filtered map; and the results of the down, up and right pass, [N, HW, C] in the order of the map's
        wavefronts, that of the right pass in the order of the transposed map's.
    """
    height, width = x.shape[-2:]
    plan = make_plan(height, width, x.device)
    down = _pass(_rows(x, plan.down.order), weights[:, 0], plan.down)
    up = _pass(down, weights[:, 1], plan.up)
    right = _pass(up.index_select(1, plan.turn), weights[:, 2].transpose(2, 3), plan.right)
    left = _pass(right, weights[:, 3].transpose(2, 3), plan.left)
    return _map(left, plan.turn_back[plan.up.place], height, width), down, up, right


def run_backward(
    grad: Tensor, x: Tensor, weights: Tensor, filtered: Tensor, down: Tensor, up: Tensor, right: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the gradients of x and of the weights from that of the filtered map; the others as in `run`."""
    height, width = x.shape[-2:]
    plan = make_plan(height, width, x.device)
    across_weights = weights[:, 2:].transpose(3, 4)
    to_left = plan.down.order[plan.turn]
    g = _rows(grad, to_left)
    g, grad_left = _pass_backward(g, right, _rows(filtered, to_left), across_weights[:, 1], plan.left)
    turned = up.index_select(1, plan.turn)
    g, grad_right = _pass_backward(g, turned, right, across_weights[:, 0], plan.right)
    g = g.index_select(1, plan.turn_back)
    g, grad_up = _pass_backward(g, down, up, weights[:, 1], plan.up)
    g, grad_down = _pass_backward(g, _rows(x, plan.down.order), down, weights[:, 0], plan.down)
    grads = [grad_down, grad_up, grad_right.transpose(2, 3), grad_left.transpose(2, 3)]
    return _map(g, plan.down.place, height, width), torch.stack(grads, 1)


def _rows(x: Tensor, order: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, HW, C], with pixel `order[j]` at place j."""
    return x.flatten(2).index_select(2, order).transpose(1, 2).contiguous()


def _map(rows: Tensor, place: Tensor, height: int, width: int) -> Tensor:
    """[N, HW, C] -> [N, C, H, W], with pixel i from `place[i]`."""
    return rows.index_select(1, place).transpose(1, 2).contiguous().unflatten(2, (height, width))


@lru_cache(maxsize=16)
def make_plan(height: int, width: int, device: torch.device) -> Plan:
    """Return the plan for maps of a size."""
    down, up = _make_sweeps(height, width, device)
    right, left = _make_sweeps(width, height, device)
    # Place j of the transposed map's array holds its pixel q = (c, r), which is (r, c) here.
    q = right.order
    turn = down.place[q % height * width + q // height]
    turn_back = torch.empty_like(turn)
    turn_back[turn] = torch.arange(len(turn), device=device)
    return Plan(down, up, right, left, turn, turn_back)


def _make_sweeps(height: int, width: int, device: torch.device) -> list[Sweep]:
    """Return the down and the up pass."""
    rows = torch.arange(height).repeat_interleave(width)
    columns = torch.arange(width).repeat(height)
    # Rows ascend within a wavefront: a neighbour's place is then the pixel's own plus a constant.
    order = torch.argsort((2 * rows + columns) * height + rows)
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order))
    down: Fronts = tuple(_down_fronts(height, width))
    # The up pass is the down pass of the map turned by 180 degrees, whose array is this one reversed; its
    # neighbours above on the left and on the right have changed sides.
    end = len(order)
    up: Fronts = tuple(
        tuple((end - stop, end - start, end - near - (stop - start)) for start, stop, near in (a, c, b, d))
        for a, b, c, d in down
    )
    sweeps = []
    for fronts, steps in zip((down, up), NEIGHBOURS[:2], strict=True):
        r, c = rows[order], columns[order]
        near = [(r + dr, c + dc) for dr, dc in steps]
        outside = torch.stack([(y < 0) | (y >= height) | (x < 0) | (x >= width) for y, x in near])
        places = torch.stack([place[(y * width + x).clamp(0, end - 1)] for y, x in near])
        places.masked_fill_(outside, 0)
        sweeps.append(
            Sweep(order.to(device), place.to(device), fronts, places.to(device), outside.to(device))
        )
    return sweeps


def _down_fronts(height: int, width: int) -> Iterator[tuple[Link, ...]]:
    """Wavefront t holds the rows from `top` to `bottom`; neighbours lie up to three wavefronts back."""
    steps = range(-3, width + 2 * height - 2)
    top = {t: max(0, -(-(t - width + 1) // 2)) for t in steps}
    bottom = {t: min(height - 1, t // 2) for t in steps}
    begin, following = {}, 0
    for t in steps:
        begin[t] = following
        following += max(0, bottom[t] - top[t] + 1)

    def link(t: int, back: int, up: int, first: int, last: int) -> Link:
        first, last = max(first, top[t]), min(last, bottom[t])
        start = begin[t] + first - top[t]
        return start, max(start, start + last - first + 1), begin[t - back] + first - up - top[t - back]

    for t in steps[3:]:
        not_left, not_right = (t - 1) // 2, -(-(t - width + 2) // 2)  # last and first row with c > 0, c < W-1
        yield (
            link(t, 2, 1, 1, height),
            link(t, 3, 1, 1, not_left),
            link(t, 1, 1, max(1, not_right), height),
            link(t, 1, 0, 0, not_left),
        )


def _pass(x: Tensor, weights: Tensor, sweep: Sweep) -> Tensor:
    """Filter an array [N, HW, C] with the weights [N, 5, H, W] of one pass."""
    own, factors = _factors(weights, sweep)
    y = x * own
    for front in sweep.fronts:
        for factor, (start, stop, near) in zip(factors, front, strict=True):
            if stop > start:
                y[:, start:stop].addcmul_(y[:, near : near + stop - start], factor[:, start:stop])
    return y


def _pass_backward(
    grad: Tensor, x: Tensor, y: Tensor, weights: Tensor, sweep: Sweep
) -> tuple[Tensor, Tensor]:
    """Return the gradients of a pass's input x and weights from that of its result y."""
    own, factors = _factors(weights, sweep)
    # `grad` is a copy made for this pass; it becomes dL/dy with all its descendants.
    for front in reversed(sweep.fronts):
        for factor, (start, stop, near) in zip(factors, front, strict=True):
            if stop > start:
                grad[:, near : near + stop - start].addcmul_(grad[:, start:stop], factor[:, start:stop])
    grad_own = (grad * x).sum(2)
    terms = [grad_own]
    for neighbour, outside in zip(sweep.neighbours, sweep.outside, strict=True):
        product = (grad * y.index_select(1, neighbour)).sum(2)
        terms.append(torch.where(outside, grad_own, product))
    grad_weights = torch.stack(terms, 1).index_select(2, sweep.place)
    return grad * own, grad_weights.view(weights.shape)


def _factors(weights: Tensor, sweep: Sweep) -> tuple[Tensor, list[Tensor]]:
    """Return the factors, [N, HW, 1], of the pixel itself and of its neighbours."""
    rows = weights.flatten(2).index_select(2, sweep.order)
    missing = rows[:, 1:].masked_fill(~sweep.outside, 0)
    own = rows[:, 0] + missing.sum(1)
    return own[..., None], [factor[..., None] for factor in rows[:, 1:].unbind(1)]
