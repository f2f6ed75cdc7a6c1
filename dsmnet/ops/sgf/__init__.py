"""SGF, the structure-preserving graph-based filter (DSMNet, Zhang et al. 2020, section 3.2).

Four passes run one after the other. Each is a linear recurrence over already filtered neighbours, e.g. down:

    y(r, c) = w0 x(r, c) + w1 y(r-1, c) + w2 y(r-1, c-1) + w3 y(r-1, c+1) + w4 y(r, c-1)

where a neighbour outside the map is replaced by x(r, c), so that normalised weights always form a convex
combination.
"""

from __future__ import annotations

from torch import Tensor

from dsmnet.errors import ShapeError
from dsmnet.ops.backend import choose_backend
from dsmnet.ops.sgf import library
from dsmnet.ops.sgf.reference import sgf_reference


def sgf(x: Tensor, weights: Tensor, backend: str = "auto") -> Tensor:
    """Filter a map along the graph's edges, all four passes.

    Args:
        x: Features (or the planes of a volume as channels), [N, C, H, W].
        weights: [N, 4, 5, H, W]; ``weights[:, k]`` are the five weights of pass k in (down, up, right,
            left), entry 0 the pixel itself, shared over channels and normalised by the caller.
        backend: ``reference`` (plain autograd; for ONNX, as it has plain operators alone), ``scan`` (torch
            alone), ``triton`` (GPU), or ``auto``.

    Returns:
        The filtered map, [N, C, H, W]. The fast paths compute half precision in float32.

    Raises:
        ShapeError: The weights do not fit the map.
        UserError: The backend is unknown, or not to be had for this tensor.
    """
    n, _, h, w = x.shape
    if tuple(weights.shape) != (n, 4, 5, h, w):
        raise ShapeError(
            f"sgf: weights {tuple(weights.shape)} do not fit a map {tuple(x.shape)}; "
            f"expected {(n, 4, 5, h, w)}"
        )
    chosen = choose_backend(backend, x.device)
    if chosen == "reference":
        return sgf_reference(x, weights)
    filtered: Tensor = library.triton(x, weights) if chosen == "triton" else library.scan(x, weights)
    return filtered
