"""SGA, semi-global guided aggregation (GANet, Zhang et al. 2019, eq. 5; weights shared over channels).

Along each of four directions r a volume is filtered by

    y(p, d) = w0 x(p, d) + w1 y(p-r, d) + w2 y(p-r, d-1) + w3 y(p-r, d+1) + w4 max_j y(p-r, j)

where a term whose neighbour lies outside the volume uses x(p, d) instead.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dsmnet.errors import UserError
from dsmnet.ops.backend import check_weights, choose_backend, widen
from dsmnet.ops.operator import register
from dsmnet.ops.sga import scan
from dsmnet.ops.sga.reference import sga_reference


def sga(cost: Tensor, weights: Tensor, backend: str = "auto", reduce: str = "max") -> Tensor:
    """Aggregate a volume along four directions and join the four results.

    Args:
        cost: Volume [N, C, D, H, W].
        weights: [N, 4, 5, H, W]; directions (down, up, right, left), entries (self, d, d-1, d+1, maximum),
            normalised by the caller.
        backend: ``reference`` (plain autograd; for ONNX, as it has plain operators alone), ``scan`` (torch
            alone), ``triton`` (GPU), or ``auto``.
        reduce: ``max`` (GANet), elementwise, or ``mean``.

    Returns:
        The aggregated volume, [N, C, D, H, W]. The fast paths compute half precision in float32.

    Raises:
        ShapeError: The weights do not fit the volume.
        UserError: The backend is unknown, or not to be had for this tensor; or `reduce` is unknown.

    Example:
        >>> weights = torch.zeros(1, 4, 5, 2, 3)
        >>> weights[:, :, 0] = 1.0  # each pixel takes itself alone
        >>> cost = torch.rand(1, 1, 4, 2, 3)
        >>> torch.equal(sga(cost, weights), cost)
        True
    """
    if reduce not in ("max", "mean"):
        raise UserError(f"sga: reduce={reduce!r}: expected max or mean")
    check_weights("sga", "volume", cost, weights)
    if choose_backend(backend, cost.device) == "scan":
        return _scan_rows(cost, weights, reduce)
    down, up, right, left = sga_directions(cost, weights, backend)
    if reduce == "mean":
        return torch.stack([down, up, right, left]).mean(0)
    return torch.maximum(torch.maximum(down, up), torch.maximum(right, left))


def sga_directions(cost: Tensor, weights: Tensor, backend: str = "auto") -> tuple[Tensor, ...]:
    """Return the four aggregated volumes (down, up, right, left) of `sga`, each [N, C, D, H, W]."""
    check_weights("sga", "volume", cost, weights)
    chosen = choose_backend(backend, cost.device)
    if chosen == "reference":
        return sga_reference(cost, weights)
    if chosen == "scan":
        return _scan_rows(cost, weights, "none").unbind(0)
    wide = widen(cost)
    return tuple(y.to(cost.dtype) for y in _triton(wide, weights.to(wide.dtype)))


def _scan_rows(cost: Tensor, weights: Tensor, reduce: str) -> Tensor:
    wide = widen(cost)
    keep = torch.is_grad_enabled() and (cost.requires_grad or weights.requires_grad)
    result: Tensor = _scan(wide, weights.to(wide.dtype), reduce, keep)[0]
    return result.to(cost.dtype)


def _fake_scan(cost: Tensor, weights: Tensor, reduce: str, keep: bool) -> scan.Four:
    n, c, d, h, w = cost.shape
    result = cost.new_empty((4, *cost.shape) if reduce == "none" else cost.shape)
    which = cost.new_empty(cost.shape if keep and reduce == "max" else 0, dtype=torch.int8)
    vertical, horizontal = (
        cost.new_empty((2, t, n, c, d + 2, p) if keep else 0) for t, p in ((h, w), (w, h))
    )
    return result, which, vertical, horizontal


def _run_triton(cost: Tensor, weights: Tensor) -> scan.Four:
    from dsmnet.ops.sga import fused  # Triton is not there on every system

    return fused.run(cost, weights)


def _run_triton_backward(
    grad_down: Tensor,
    grad_up: Tensor,
    grad_right: Tensor,
    grad_left: Tensor,
    cost: Tensor,
    weights: Tensor,
    down: Tensor,
    up: Tensor,
    right: Tensor,
    left: Tensor,
) -> tuple[Tensor, Tensor]:
    from dsmnet.ops.sga import fused

    grads = grad_down, grad_up, grad_right, grad_left
    return fused.run_backward(grads, cost, weights, (down, up, right, left))


def _fake_triton(cost: Tensor, weights: Tensor) -> scan.Four:
    down, up, right, left = (cost.new_empty(cost.shape) for _ in range(4))
    return down, up, right, left


_scan = register("sga_scan", scan.run, scan.run_backward, _fake_scan, saves_them=False)
_triton = register("sga_triton", _run_triton, _run_triton_backward, _fake_triton, differentiable=4)
