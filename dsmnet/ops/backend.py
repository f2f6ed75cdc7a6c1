"""Choice of an operator's implementation, in one place, and the types that all of them compute in."""

from __future__ import annotations

import functools
import importlib.util
import os

import torch
from torch import Tensor

from dsmnet.errors import ShapeError, UserError

BACKENDS = ("auto", "reference", "scan", "triton")


def choose_backend(backend: str, device: torch.device | None = None) -> str:
    """Resolve ``auto``: the environment variable ``DSMNET_BACKEND`` if set, else the fastest that is there.

    That is Triton's kernels for tensors of a GPU where it is installed, else the scan.

    Raises:
        UserError: The name is not one of `BACKENDS`, or Triton is asked for where it cannot run.
    """
    if backend == "auto":
        backend = os.environ.get("DSMNET_BACKEND", "auto")
    if backend not in BACKENDS:
        raise UserError(f"backend={backend!r}: expected one of {', '.join(BACKENDS)}")
    on_gpu = device is not None and device.type == "cuda"
    if backend == "auto":
        return "triton" if on_gpu and _has_triton() else "scan"
    if backend == "triton":
        if not _has_triton():
            raise UserError("backend='triton': Triton is not installed; backend='scan' needs torch alone")
        if not on_gpu and os.environ.get("TRITON_INTERPRET") != "1":
            raise UserError("backend='triton' runs on a GPU; on a CPU take backend='scan'")
    return backend


def plain_operations() -> bool:
    """Whether plain operations stand in: in a graph capture, and with ``DSMNET_BACKEND=reference``."""
    captured = torch.compiler.is_compiling() or torch.jit.is_tracing()
    return captured or os.environ.get("DSMNET_BACKEND") == "reference"


def memory_format(x: Tensor) -> torch.memory_format:
    """Return the dense format `x` is stored in; contiguous where it is in none."""
    last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.ndim)
    if last is None or x.is_contiguous() or not x.is_contiguous(memory_format=last):
        return torch.contiguous_format
    return last


def widen(x: Tensor) -> Tensor:
    """Return `x` in the type to sum in: float32, or float64 where it is that already."""
    return x if x.dtype == torch.float64 else x.float()


def check_weights(operator: str, kind: str, x: Tensor, weights: Tensor) -> None:
    """Refuse weights of four passes that do not fit the map or volume [N, C, ..., H, W] to filter."""
    expected = (x.shape[0], 4, 5, *x.shape[-2:])
    if tuple(weights.shape) != expected:
        raise ShapeError(
            f"{operator}: weights {tuple(weights.shape)} do not fit a {kind} {tuple(x.shape)}; "
            f"expected {expected}"
        )


@functools.cache
def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None
