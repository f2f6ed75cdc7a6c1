"""Checks of the norms' arguments and inputs."""

from __future__ import annotations

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
