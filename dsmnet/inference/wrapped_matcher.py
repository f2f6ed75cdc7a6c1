"""Matchers that change what another one is given, or what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from dsmnet.types import Matcher


@dataclass(frozen=True)
class WrappedMatcher(Matcher):
    """A matcher around another one, of which it has device, configuration, range and sharpness."""

    inner: Matcher

    @property
    def device(self) -> torch.device:
        """Device of the inner matcher."""
        return self.inner.device

    @property
    def config(self) -> Mapping[str, Any]:
        """Configuration of the inner matcher."""
        return self.inner.config

    @property
    def has_range(self) -> bool:
        """Whether the search range of the inner matcher changes its prediction."""
        return self.inner.has_range

    @property
    def has_sharpness(self) -> bool:
        """Whether the inner matcher has sharpness."""
        return self.inner.has_sharpness
