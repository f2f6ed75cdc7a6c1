"""SGF as the recurrence of the paper, pixel by pixel: slow, differentiable, the oracle of the fast paths."""

from __future__ import annotations

import torch
from torch import Tensor

# For each pass, down, up, right and left: (row, column) offsets of the four neighbours.
NEIGHBOURS = (
    ((-1, 0), (-1, -1), (-1, 1), (0, -1)),
    ((1, 0), (1, -1), (1, 1), (0, 1)),
    ((0, -1), (-1, -1), (1, -1), (-1, 0)),
    ((0, 1), (-1, 1), (1, 1), (1, 0)),
)


def sgf_reference(x: Tensor, weights: Tensor) -> Tensor:
    """Filter a map [N, C, H, W] by weights [N, 4, 5, H, W], see `dsmnet.ops.sgf.sgf`."""
    height, width = x.shape[-2:]
    pixels = [(r, c) for r in range(height) for c in range(width)]
    across = [(r, c) for c in range(width) for r in range(height)]
    for k, order in enumerate((pixels, pixels[::-1], across, across[::-1])):
        y: dict[tuple[int, int], Tensor] = {}
        for r, c in order:
            own, factors = x[:, :, r, c], weights[:, k, :, r, c].unbind(1)
            value = factors[0][:, None] * own
            for factor, (dr, dc) in zip(factors[1:], NEIGHBOURS[k], strict=True):
                value = value + factor[:, None] * y.get((r + dr, c + dc), own)  # outside the map: own
            y[r, c] = value
        x = torch.stack([y[pixel] for pixel in pixels], dim=-1).unflatten(-1, (height, width))
    return x
