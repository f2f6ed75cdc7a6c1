"""Where a normalisation stands in a network.

A plain ``norm(channels)`` callable cannot say what IBN-Net does: IBN-a changes only the first norm of a
residual block, and IBN-b adds one after the residual sum. Networks therefore ask a placement for the norm of
each of their slots, and know no norm by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import nn

Layer = Callable[..., nn.Module]  # (num_features, *, ndim) -> nn.Module


class Placement(Protocol):
    """The slots of a network that a normalisation may fill.

    Each takes the number of channels and of spatial dimensions (1 for sequences, 2 for maps, 3 for volumes)
    and returns a new module that keeps the shape. Residual blocks also say in which `stage` of the network
    they stand, from 1 (all blocks of one resolution and width, such as conv2_x of a ResNet), and whether they
    are its `last` one.
    """

    def stem(self, channels: int, ndim: int = 2) -> nn.Module:
        """Return the very first norm of a network."""

    def inner(self, channels: int, ndim: int = 2) -> nn.Module:
        """Return any norm that no other slot describes."""

    def block_in(self, channels: int, ndim: int = 2, *, stage: int = 1) -> nn.Module:
        """Return the first norm of a residual block."""

    def block_out(self, channels: int, ndim: int = 2, *, stage: int = 1, last: bool = True) -> nn.Module:
        """Return what follows the residual addition, before the ReLU."""


@dataclass(frozen=True)
class Everywhere:
    """The same layer at every norm, nothing after the residual addition."""

    layer: Layer

    def stem(self, channels: int, ndim: int = 2) -> nn.Module:
        """See `Placement.stem`."""
        return self.inner(channels, ndim)

    def inner(self, channels: int, ndim: int = 2) -> nn.Module:
        """See `Placement.inner`."""
        return self.layer(channels, ndim=ndim)

    def block_in(self, channels: int, ndim: int = 2, *, stage: int = 1) -> nn.Module:
        """See `Placement.block_in`."""
        return self.inner(channels, ndim)

    def block_out(self, channels: int, ndim: int = 2, *, stage: int = 1, last: bool = True) -> nn.Module:
        """See `Placement.block_out`."""
        return nn.Identity()


@dataclass(frozen=True)
class BlockInput(Everywhere):
    """One layer for the first norm of each residual block of the first stages, another elsewhere: IBN-a.

    Pan et al. 2018 change conv2_x to conv4_x of a ResNet, that is its first three stages, and leave the
    deepest one alone, where differences of appearance are small.
    """

    first: Layer
    stages: int | None = None  # that have it, from the first on; None for all

    def block_in(self, channels: int, ndim: int = 2, *, stage: int = 1) -> nn.Module:
        """See `Placement.block_in`."""
        return (self.first if _within(stage, self.stages) else self.layer)(channels, ndim=ndim)


@dataclass(frozen=True)
class BlockOutput(Everywhere):
    """One more layer after the last residual addition of each of the first stages: IBN-b.

    Pan et al. 2018 do so in conv2_x and conv3_x of a ResNet, its first two stages, and let the same layer
    take the place of the stem's norm.
    """

    last: Layer
    stages: int | None = None  # that have it, from the first on; None for all
    at_stem: bool = True  # it also stands in the stem, instead of the norm there

    def stem(self, channels: int, ndim: int = 2) -> nn.Module:
        """See `Placement.stem`."""
        return (self.last if self.at_stem else self.layer)(channels, ndim=ndim)

    def block_out(self, channels: int, ndim: int = 2, *, stage: int = 1, last: bool = True) -> nn.Module:
        """See `Placement.block_out`."""
        if not last or not _within(stage, self.stages):
            return nn.Identity()
        return self.last(channels, ndim=ndim)


def _within(stage: int, stages: int | None) -> bool:
    return stages is None or stage <= stages
