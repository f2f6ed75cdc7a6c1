"""Matchers that change what another one is given, or what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from dsmnet.types import Matcher


@dataclass(frozen=True)
class WrappedMatcher(Matcher):
    """A matcher around another one, of which it has device, configuration and sharpness."""

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
    def has_sharpness(self) -> bool:
        """Whether the inner matcher has sharpness."""
        return self.inner.has_sharpness
