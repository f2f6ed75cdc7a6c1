"""One place that decides which implementation of an operator runs."""

from __future__ import annotations

import functools
import importlib.util
import os

import torch
from torch import Tensor

from dsmnet.errors import UserError

BACKENDS = ("auto", "reference", "scan", "triton")


def choose_backend(backend: str, device: torch.device | None = None) -> str:
    """Resolve ``auto``: the environment variable ``DSMNET_BACKEND`` if set, else the fastest that is there.

    Args:
        backend: One of `BACKENDS`.
        device: where the tensors are; on a GPU with Triton its kernels are the fastest, else the scan.

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


def widest(x: Tensor) -> torch.dtype:
    """Return the type to sum in: float64 for itself, float32 for all others."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32


@functools.lru_cache(maxsize=1)
def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None
