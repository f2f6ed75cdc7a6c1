"""A volume as rows along the way of a direction; two opposite directions lie in one batch."""

from __future__ import annotations

import torch
from torch import Tensor

# From a volume [N, C, D, H, W] to rows [T, N, C, D, P] and back: the way runs along H, or along W.
_ROWS = {"vertical": (3, 0, 1, 2, 4), "horizontal": (4, 0, 1, 2, 3)}
_VOLUME = {"vertical": (1, 2, 3, 0, 4), "horizontal": (1, 2, 3, 4, 0)}
AXES = ("vertical", "horizontal")


def to_rows(forth: Tensor, back: Tensor, axis: str) -> Tensor:
    """Join two volumes [N, C, D, H, W] to rows [T, 2N, C, D, P], the second running backwards."""
    order = _ROWS[axis]
    return torch.cat([forth.permute(order), back.permute(order).flip(0)], dim=1)


def to_volumes(rows: Tensor, axis: str) -> tuple[Tensor, Tensor]:
    """Undo `to_rows`."""
    forth, back = rows.chunk(2, dim=1)
    return to_volume(forth, axis), to_volume(back.flip(0), axis)


def to_volume(rows: Tensor, axis: str) -> Tensor:
    """[T, N, C, D, P] -> [N, C, D, H, W], a view."""
    return rows.permute(_VOLUME[axis])


def weights_to_rows(weights: Tensor, axis: str) -> Tensor:
    """Pick the weights of two opposite directions, [N, 4, 5, H, W] -> [T, 2N, 5, P]."""
    forth, back = (weights[:, :2] if axis == "vertical" else weights[:, 2:]).unsqueeze(3).unbind(1)
    return to_rows(forth, back, axis)[:, :, :, 0].contiguous()


def weights_from_rows(rows: Tensor, axis: str) -> Tensor:
    """Undo `weights_to_rows`: [T, 2N, 5, P] -> [N, 2, 5, H, W]."""
    return torch.stack(to_volumes(rows.unsqueeze(3), axis), 1).squeeze(3)
