"""Metadata of an exported graph: all that a prediction needs besides it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dsmnet.errors import FormatError

KEY = "dsmnet_export"  # of the metadata, whatever the format
IMAGES = ("normalized", "uint8")  # what a graph takes: normalised and padded views, or images as they come
VERSION = 4  # raised with every change of the graphs or of this entry
UNBOUNDED = 2**16  # pixels: the largest search range of a graph that takes any
_LONGEST = 100_000  # characters of an entry; those of the package have 2,000
_WRITER = "was it written by tools/export.py?"


@dataclass(frozen=True)
class GraphMetadata:
    """Sizes and search ranges that a graph takes, and its network."""

    max_disparity: int  # pixels
    ranges: tuple[int, int]  # smallest and largest search range that take the same planes
    divisor: int  # of height and width of the views
    smallest: tuple[int, int]  # height and width
    config: Mapping[str, Any]  # of the network, as in a checkpoint
    fixed: bool = False  # whether views have just the smallest size
    images: str = IMAGES[0]

    def to_json(self) -> str:
        """Return the entry of the metadata."""
        return json.dumps({"version": VERSION, **asdict(self)})

    @classmethod
    def from_json(cls, text: str | None, source: str) -> GraphMetadata:
        """Read an entry; a `FormatError` where there is none, or one of another version."""
        if not text or len(text) > _LONGEST:
            raise FormatError(f"checkpoint={source}: holds no description by dsmnet, {_WRITER}")
        try:
            content = json.loads(text)
            version = content.pop("version", None)
            if version != VERSION:
                raise FormatError(
                    f"checkpoint={source}: is of version {version!a:.40}, expected {VERSION}; export it again"
                )
            metadata = cls(**content | {name: tuple(content[name]) for name in ("ranges", "smallest")})
            metadata._check()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise FormatError(f"checkpoint={source}: its description is broken, {_WRITER}") from None
        return metadata

    def _check(self) -> None:
        """Raise a `ValueError` for values that no export has."""
        bounds = [(pixels, 1, UNBOUNDED) for pixels in (self.max_disparity, *self.ranges)]
        bounds += [(self.divisor, 1, 2**12)]
        bounds += [(pixels, 0, 2**12) for pixels in self.smallest]
        whole = type(self.fixed) is bool and self.images in IMAGES
        whole &= all(type(value) is int and least <= value <= most for value, least, most in bounds)
        if not whole or len(self.ranges) != 2 or len(self.smallest) != 2:
            raise ValueError("impossible sizes")
        if not isinstance(self.config, dict) or not isinstance(self.config.get("network"), dict):
            raise ValueError("no configuration of a network")
