"""Correlation of a pixel with its whole row of the right map, at several widths (RAFT-Stereo, section 3.2).

Lipson, Teed and Deng 2021. Scores are the dot products over sqrt(C) of two feature vectors; level l compares
with means of 2^l columns of the right map. Products are summed in float32 (or float64) whatever the maps:
half precision would overflow at 65504, and rounds sums of a hundred terms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dsmnet.errors import ShapeError
from dsmnet.ops.backend import widen
from dsmnet.options import check_whole
from dsmnet.stages.iterative.step_contract import Scores


@dataclass(frozen=True)
class VolumePyramid:
    """Scores of all pairs of a row, in memory: [N, h, w, w / 2^l] each."""

    volumes: list[Tensor]
    radius: int

    def look_up(self, columns: Tensor) -> Tensor:
        """See `Scores`."""
        rows = columns.nan_to_num()[:, 0, :, :, None]
        found = [sample_window(v, rows / 2**level, self.radius) for level, v in enumerate(self.volumes)]
        return torch.cat(found, dim=-1).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class FeaturePyramid:
    """Both maps, and means of the right one's columns; scores are computed where they are looked up."""

    left: Tensor
    right_maps: list[Tensor]
    radius: int

    def look_up(self, columns: Tensor) -> Tensor:
        """See `Scores`."""
        found, columns = [], columns.nan_to_num()
        for level, right in enumerate(self.right_maps):
            x = columns / 2**level
            scores = [self._compare(right, x.floor() + k) for k in range(-self.radius, self.radius + 2)]
            found.append(_between(torch.cat(scores, dim=1), x - x.floor(), dim=1))
        return torch.cat(found, dim=1)

    def _compare(self, right: Tensor, column: Tensor) -> Tensor:
        """Return the score with one whole column per pixel, [N, 1, h, w], 0 outside of the map."""
        place = column.clamp(0, right.shape[-1] - 1)
        near = right.gather(3, place.long().expand(-1, right.shape[1], -1, -1))
        return (self.left * near).sum(1, keepdim=True) * (place == column)


def sample_window(rows: Tensor, centre: Tensor, radius: int) -> Tensor:
    """Interpolate rows [..., W] at ``centre + k``, k = -radius..radius, linearly; they are 0 outside.

    Centres are [..., 1], all of one pixel share the fraction; axes of 1 serve several rows. The result is
    [..., 2 radius + 1].
    """
    first = centre.floor()
    columns = first + torch.arange(-radius, radius + 2, device=rows.device)
    place = columns.clamp(0, rows.shape[-1] - 1)
    near = rows.gather(-1, place.long().expand(*rows.shape[:-1], -1)) * (place == columns)
    return _between(near, centre - first, dim=-1)


def _between(values: Tensor, fraction: Tensor, dim: int) -> Tensor:
    count = values.shape[dim] - 1
    below, above = values.narrow(dim, 0, count), values.narrow(dim, 1, count)
    return below + fraction * (above - below)


class AllPairsCorrelation:
    """Correlation at so many `levels`, looked up within a `radius` of columns of each.

    With `in_memory` the volume of a pair is computed once; else only what is looked up is computed, each time
    anew: memory then grows with the image's area and not with area times width. Without `scaled`,
    scores are not divided by sqrt(C) (IGEV-Stereo).
    """

    def __init__(
        self, *, levels: int = 4, radius: int = 4, in_memory: bool = True, scaled: bool = True
    ) -> None:
        self.levels = check_whole("model.correlation.levels", levels)
        self.radius = check_whole("model.correlation.radius", radius)
        self.in_memory, self.scaled = in_memory, scaled
        self.channels = levels * (2 * radius + 1)

    def __call__(self, left: Tensor, right: Tensor) -> Scores:
        """See `Correlation`."""
        if right.shape[-1] < 2 ** (self.levels - 1):
            raise ShapeError(
                f"correlation: a map of {right.shape[-1]} columns cannot be halved "
                f"{self.levels - 1} times; expected wider images, or fewer model.correlation.levels"
            )
        with torch.autocast(left.device.type, enabled=False):
            left, right = widen(left) / (math.sqrt(left.shape[1]) if self.scaled else 1), widen(right)
            if not self.in_memory:
                return FeaturePyramid(left, self._halved(right), self.radius)
            volume = left.permute(0, 2, 3, 1) @ right.permute(0, 2, 1, 3)
            return VolumePyramid(self._halved(volume), self.radius)

    def _halved(self, x: Tensor) -> list[Tensor]:
        levels = [x]
        for _ in range(self.levels - 1):
            levels.append(F.avg_pool2d(levels[-1], (1, 2)))
        return levels
