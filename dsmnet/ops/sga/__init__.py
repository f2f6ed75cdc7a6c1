"""SGA, semi-global guided aggregation (GANet, Zhang et al. 2019, eq. 5; weights shared over channels).

Along each of four directions r a volume is filtered by

    y(p, d) = w0 x(p, d) + w1 y(p-r, d) + w2 y(p-r, d-1) + w3 y(p-r, d+1) + w4 max_j y(p-r, j)

where a term whose neighbour lies outside the volume uses x(p, d) instead.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dsmnet.errors import ShapeError
from dsmnet.ops.backend import choose_backend
from dsmnet.ops.sga import library
from dsmnet.ops.sga.reference import reference_directions


def sga(cost: Tensor, weights: Tensor, backend: str = "auto") -> Tensor:
    """Aggregate a volume along four directions and keep the elementwise maximum.

    Args:
        cost: volume [N, C, D, H, W].
        weights: [N, 4, 5, H, W]; directions (down, up, right, left), entries (self, d, d-1, d+1, maximum),
            normalised by the caller.
        backend: ``reference`` (plain autograd; for ONNX, as it has plain operators alone), ``scan`` (torch
            alone), ``triton`` (GPU), or ``auto``.

    Returns:
        The aggregated volume, [N, C, D, H, W]. The fast paths compute half precision in float32.

    Raises:
        ShapeError: the weights do not fit the volume.
        UserError: the backend is unknown, or not to be had for this tensor.
    """
    down, up, right, left = sga_directions(cost, weights, backend)
    return torch.maximum(torch.maximum(down, up), torch.maximum(right, left))


def sga_directions(cost: Tensor, weights: Tensor, backend: str = "auto") -> tuple[Tensor, ...]:
    """Return the four aggregated volumes (down, up, right, left) of `sga`, each [N, C, D, H, W]."""
    n, _, _, h, w = cost.shape
    if tuple(weights.shape) != (n, 4, 5, h, w):
        raise ShapeError(
            f"sga: weights {tuple(weights.shape)} do not fit a volume {tuple(cost.shape)}; "
            f"expected {(n, 4, 5, h, w)}"
        )
    chosen = choose_backend(backend, cost.device)
    if chosen == "reference":
        return reference_directions(cost, weights)
    return library.triton(cost, weights) if chosen == "triton" else library.scan(cost, weights)
