"""SGA, semi-global guided aggregation (GANet, Zhang et al. 2019, eq. 5; weights shared over channels).

Along each of four directions r a volume is filtered by

    y(p, d) = w0 x(p, d) + w1 y(p-r, d) + w2 y(p-r, d-1) + w3 y(p-r, d+1) + w4 max_j y(p-r, j)

where a term whose neighbour lies outside the volume uses x(p, d) instead.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dsmnet.errors import ShapeError, UserError
from dsmnet.ops.backend import choose_backend
from dsmnet.ops.sga import library
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
    """
    if reduce not in ("max", "mean"):
        raise UserError(f"sga: reduce={reduce!r}: expected max or mean")
    if _chosen(cost, weights, backend) == "scan":
        return library.scan(cost, weights, reduce)
    down, up, right, left = sga_directions(cost, weights, backend)
    if reduce == "mean":
        return torch.stack([down, up, right, left]).mean(0)
    return torch.maximum(torch.maximum(down, up), torch.maximum(right, left))


def sga_directions(cost: Tensor, weights: Tensor, backend: str = "auto") -> tuple[Tensor, ...]:
    """Return the four aggregated volumes (down, up, right, left) of `sga`, each [N, C, D, H, W]."""
    chosen = _chosen(cost, weights, backend)
    if chosen == "reference":
        return sga_reference(cost, weights)
    if chosen == "triton":
        return library.triton(cost, weights)
    return library.scan(cost, weights, "none").unbind(0)


def _chosen(cost: Tensor, weights: Tensor, backend: str) -> str:
    n, _, _, h, w = cost.shape
    if tuple(weights.shape) != (n, 4, 5, h, w):
        raise ShapeError(
            f"sga: weights {tuple(weights.shape)} do not fit a volume {tuple(cost.shape)}; "
            f"expected {(n, 4, 5, h, w)}"
        )
    return choose_backend(backend, cost.device)
