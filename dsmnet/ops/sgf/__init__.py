"""SGF, the structure-preserving graph-based filter (DSMNet, Zhang et al. 2020, section 3.2).

Four passes run one after the other. Each is a linear recurrence over already filtered neighbours, e.g. down:

    y(r, c) = w0 x(r, c) + w1 y(r-1, c) + w2 y(r-1, c-1) + w3 y(r-1, c+1) + w4 y(r, c-1)

where a neighbour outside the map is replaced by x(r, c), so that normalised weights always form a convex
combination.
"""

from __future__ import annotations

from torch import Tensor

from dsmnet.ops.backend import check_weights, choose_backend, widen
from dsmnet.ops.operator import register
from dsmnet.ops.sgf import wavefront
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

    Example:
        >>> import torch
        >>> weights = torch.zeros(1, 4, 5, 2, 3)
        >>> weights[:, :, :2] = 0.5  # itself and the pixel before it
        >>> sgf(torch.ones(1, 1, 2, 3), weights).unique()
        tensor([1.])
    """
    check_weights("sgf", "map", x, weights)
    chosen = choose_backend(backend, x.device)
    if chosen == "reference":
        return sgf_reference(x, weights)
    wide = widen(x)
    run = _triton if chosen == "triton" else _scan
    filtered: Tensor = run(wide, weights.to(wide.dtype))[0]
    return filtered.to(x.dtype)


def _fake_scan(x: Tensor, weights: Tensor) -> wavefront.Four:
    n, c, h, w = x.shape
    down, up, right = (x.new_empty(n, h * w, c) for _ in range(3))
    return x.new_empty(x.shape), down, up, right


def _run_triton(x: Tensor, weights: Tensor) -> wavefront.Four:
    from dsmnet.ops.sgf import fused  # Triton is not there on every system

    return fused.run(x, weights)


def _run_triton_backward(
    grad: Tensor, x: Tensor, weights: Tensor, filtered: Tensor, down: Tensor, up: Tensor, right: Tensor
) -> tuple[Tensor, Tensor]:
    from dsmnet.ops.sgf import fused

    return fused.run_backward(grad, x, weights, filtered, down, up, right)


def _fake_triton(x: Tensor, weights: Tensor) -> wavefront.Four:
    n, c, h, w = x.shape
    filtered, down, up = (x.new_empty(x.shape) for _ in range(3))
    return filtered, down, up, x.new_empty(n, c, w, h)


_scan = register("sgf_scan", wavefront.run, wavefront.run_backward, _fake_scan)
_triton = register("sgf_triton", _run_triton, _run_triton_backward, _fake_triton)
