"""What the norms require of their arguments and inputs, and what they keep of them."""

from __future__ import annotations

import torch
from torch import Tensor

from dsmnet.errors import ShapeError


def check_ndim(ndim: int) -> None:
    """Refuse anything but sequences (1), maps (2) and volumes (3).

    Raises:
        ValueError: `ndim` is neither.
    """
    if ndim not in (1, 2, 3):
        raise ValueError(f"ndim: expected 1 (sequences), 2 (maps) or 3 (volumes), got {ndim}")


def check_input(x: Tensor, channels: int, ndim: int, norm: str) -> None:
    """Refuse an input that has no statistics over its spatial dimensions.

    Raises:
        ShapeError: Wrong number of dimensions or channels, or a single pixel per channel.
    """
    shape = list(x.shape)
    if len(shape) != ndim + 2 or shape[1] != channels:
        space = {1: "L", 2: "H, W", 3: "D, H, W"}[ndim]
        raise ShapeError(f"{norm}: expected an input [B, {channels}, {space}], got {shape}")
    if all(size == 1 for size in shape[2:]):
        raise ShapeError(
            f"{norm}: expected more than one pixel per channel to take statistics of, got {shape}"
        )


def memory_format(x: Tensor) -> torch.memory_format:
    """Return the dense format `x` is stored in; contiguous where it is in none."""
    last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.ndim)
    if last is None or x.is_contiguous() or not x.is_contiguous(memory_format=last):
        return torch.contiguous_format
    return last


def widen(x: Tensor) -> Tensor:
    """Return `x` in the type that statistics are taken in: float32, or float64 where it is that already."""
    return x if x.dtype == torch.float64 else x.float()
