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

    Each takes the number of channels and of spatial dimensions (2 for maps, 3 for cost volumes) and returns a
    new module that keeps the shape [B, channels, ...].
    """

    def stem(self, channels: int, ndim: int = 2) -> nn.Module:
        """Return the very first norm of a network."""
        ...

    def inner(self, channels: int, ndim: int = 2) -> nn.Module:
        """Return any norm that no other slot describes."""
        ...

    def block_in(self, channels: int, ndim: int = 2) -> nn.Module:
        """Return the first norm of a residual block."""
        ...

    def block_out(self, channels: int, ndim: int = 2) -> nn.Module:
        """Return what follows the residual addition, before the ReLU."""
        ...


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

    def block_in(self, channels: int, ndim: int = 2) -> nn.Module:
        """See `Placement.block_in`."""
        return self.inner(channels, ndim)

    def block_out(self, channels: int, ndim: int = 2) -> nn.Module:
        """See `Placement.block_out`."""
        return nn.Identity()


@dataclass(frozen=True)
class BlockInput(Everywhere):
    """One layer for the first norm of each residual block and another elsewhere: IBN-a (Pan et al. 2018)."""

    first: Layer

    def block_in(self, channels: int, ndim: int = 2) -> nn.Module:
        """See `Placement.block_in`."""
        return self.first(channels, ndim=ndim)


@dataclass(frozen=True)
class BlockOutput(Everywhere):
    """One more layer, in the stem and after each residual addition: IBN-b (Pan et al. 2018)."""

    last: Layer

    def stem(self, channels: int, ndim: int = 2) -> nn.Module:
        """See `Placement.stem`."""
        return self.last(channels, ndim=ndim)

    def block_out(self, channels: int, ndim: int = 2) -> nn.Module:
        """See `Placement.block_out`."""
        return self.last(channels, ndim=ndim)
