"""The learning rate as a function of progress."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dsmnet.errors import UserError


@dataclass(frozen=True)
class OneCycle:
    """Linear warm-up, then a cosine, or a line, down to almost nothing (Smith and Topin 2019).

    Progress is a share of the budget, in steps or in time, so that a run limited by time ends its cycle on
    any machine.

    Args:
        warmup: Share of the run in which the rate rises.
        start: Factor at the very beginning.
        final: Factor at the end.
        linear: Whether the rate falls along a line.
    """

    warmup: float = 0.05
    start: float = 0.05
    final: float = 0.002
    linear: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.warmup < 1:
            raise UserError(f"schedule.warmup={self.warmup}: expected a share in [0, 1)")
        for name, value in (("start", self.start), ("final", self.final)):
            if not 0 <= value < math.inf:
                raise UserError(f"schedule.{name}={value}: expected a factor of at least 0")

    def __call__(self, progress: float) -> float:
        """Return the factor on the learning rate at `progress` in [0, 1]."""
        progress = min(max(progress, 0.0), 1.0)
        if progress < self.warmup:
            return self.start + (1 - self.start) * progress / self.warmup
        fall = (progress - self.warmup) / (1 - self.warmup)
        left = 1 - fall if self.linear else 0.5 * (1 + math.cos(math.pi * fall))
        return self.final + (1 - self.final) * left


@dataclass(frozen=True)
class Constant:
    """The same rate throughout."""

    def __call__(self, progress: float) -> float:
        """Return 1."""
        return 1.0
