"""Look-up in a geometry encoding volume and in the correlation of all pairs (IGEV-Stereo, section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dsmnet.ops.backend import widen
from dsmnet.options import check_whole
from dsmnet.stages.iterative.all_pairs import AllPairsCorrelation, sample_window
from dsmnet.stages.iterative.step_contract import Scores


@dataclass(frozen=True)
class GeometryScores:
    """A volume at several widths, [N h, w, C, D / 2^l] each, and the scores of all pairs or None."""

    volumes: list[Tensor]
    pairs: Scores | None
    radius: int

    def look_up(self, disparity: Tensor) -> Tensor:
        """Return what lies around disparities [N, 1, h, w] of the map, by level: [N, channels, h, w]."""
        n, _, h, w = disparity.shape
        disparity = disparity.nan_to_num()
        centre, found = disparity.reshape(n * h, w, 1, 1), []
        for level, volume in enumerate(self.volumes):
            near = sample_window(volume, centre / 2**level, self.radius)
            found.append(near.reshape(n, h, w, -1).permute(0, 3, 1, 2))
        if self.pairs is not None:
            columns = torch.arange(w, device=disparity.device, dtype=disparity.dtype)
            scores = self.pairs.look_up(columns - disparity).chunk(len(found), dim=1)
            found = [part for level in zip(found, scores, strict=True) for part in level]
        return torch.cat(found, dim=1)


class GeometryLookup:
    """A volume at so many `levels`, each of half as many planes, looked up within a `radius` of planes.

    With `all_pairs` the correlation of the features is looked up beside it; `in_memory` is that of
    `AllPairsCorrelation`.
    """

    def __init__(
        self, *, levels: int = 2, radius: int = 4, all_pairs: bool = True, in_memory: bool = True
    ) -> None:
        # Four, since a volume has at least eight planes.
        self.levels = check_whole("model.lookup.levels", levels, most=4)
        self.radius = check_whole("model.lookup.radius", radius)
        options = {"levels": levels, "radius": radius, "in_memory": in_memory, "scaled": False}
        self.correlation = AllPairsCorrelation(**options) if all_pairs else None  # type: ignore[arg-type]

    def channels(self, volume_channels: int) -> int:
        """Return the number of channels that are looked up."""
        sources = volume_channels + (self.correlation is not None)
        return self.levels * (2 * self.radius + 1) * sources

    def __call__(self, geometry: Tensor, left: Tensor, right: Tensor) -> GeometryScores:
        """Return what a volume [N, C, D, h, w] and two maps [N, F, h, w] give, in float32 or wider."""
        volumes = [widen(geometry).permute(0, 3, 4, 1, 2).flatten(0, 1)]
        for _ in range(self.levels - 1):
            volumes.append(F.avg_pool2d(volumes[-1], (1, 2)))
        pairs = self.correlation(left, right) if self.correlation is not None else None
        return GeometryScores(volumes, pairs, self.radius)
