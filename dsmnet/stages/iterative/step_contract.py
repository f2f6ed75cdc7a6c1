"""Contract of the parts of an iterative network, one step after the other.

A step looks up matching scores around the estimate [N, 1, h, w] (`Scores`), encodes scores and estimate as
motion features (`MotionEncoder`), updates hidden states at one or more resolutions from them (`ConvGRU`,
`MultiLevelUpdate`), and reads the change of the estimate off the finest state. The context, computed once
from the left view, is added to the gates in every step. The estimate is the disparity in pixels of its map,
or minus it where a network counts so; no gradient flows through it into the step before.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

Gates = tuple[
    Tensor, ...
]  # what the context adds to update gate, reset gate and candidate, [N, C, h, w] each


class Scores(Protocol):
    """Matching scores of one pair."""

    def look_up(self, columns: Tensor) -> Tensor:
        """Return the scores [N, `channels`, h, w] around columns [N, 1, h, w] of the right map."""


class Correlation(Protocol):
    """Factory of the scores of two maps, with a number of channels that a look-up has."""

    channels: int

    def __call__(self, left: Tensor, right: Tensor) -> Scores:
        """Return the scores of two feature maps [N, C, h, w]; they are computed in float32 or wider."""
