"""A volume as rows along the two axes; a way forth and its way back are walked together.

Row t of the way forth and row T-1-t of the way back lie a fixed step apart, so that one view holds both and
nothing is turned round.
"""

from __future__ import annotations

import torch
from torch import Tensor

AXES = ("vertical", "horizontal")


def to_rows(volume: Tensor, axis: str) -> Tensor:
    """[N, C, D, H, W] -> [T, N, C, D, P], contiguous; T runs along the axis, P across."""
    if axis == "vertical":
        return volume.permute(3, 0, 1, 2, 4).contiguous()
    *outer, width = volume.shape
    return volume.reshape(-1, width).t().contiguous().view(width, *outer)  # two dimensions go a faster way


def to_volume(rows: Tensor, axis: str) -> Tensor:
    """Undo `to_rows`."""
    if axis == "vertical":
        return rows.permute(1, 2, 3, 0, 4)
    width, *outer = rows.shape
    return rows.reshape(width, -1).t().contiguous().view(*outer, width)


def weights_to_rows(weights: Tensor, axis: str) -> Tensor:
    """Pick the weights of an axis, forth and back: [N, 4, 5, H, W] -> [5, 2, T, N, 1, 1, P], contiguous."""
    picked = weights[:, :2].transpose(3, 4) if axis == "vertical" else weights[:, 2:]
    return picked.permute(2, 1, 4, 0, 3).contiguous()[:, :, :, :, None, None]


def weights_from_rows(rows: Tensor, axis: str) -> Tensor:
    """Undo `weights_to_rows`: [5, 2, T, N, P] -> [N, 2, 5, H, W]."""
    picked = rows.permute(3, 1, 0, 4, 2)
    return picked.transpose(3, 4) if axis == "vertical" else picked


def both_ways(rows: Tensor) -> list[Tensor]:
    """Return a view [2, ...] of [2, T, ...] for each t: row t of the way forth, row T-1-t of the way back."""
    count = rows.shape[1]
    way, row, *rest = rows.stride()
    return [
        rows.as_strided(
            (2, *rows.shape[2:]), (way + (count - 1 - 2 * t) * row, *rest), rows.storage_offset() + t * row
        )
        for t in range(count)
    ]


def walked(weights: Tensor) -> Tensor:
    """Copy [5, 2, T, ...] in the order of the steps, like `both_ways`: [5, T, 2, ...]."""
    forth, back = weights.unbind(1)
    return torch.stack([forth, back.flip(1)], dim=2)
