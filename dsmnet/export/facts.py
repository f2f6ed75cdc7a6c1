"""What travels with an exported file: all that a prediction needs to know besides the graph."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dsmnet.errors import FormatError

KEY = "dsmnet_export"  # of the metadata, whatever the format
VERSION = 2  # raised with every change of the graphs or of this entry


@dataclass(frozen=True)
class Facts:
    """How the graph is fed.

    Args:
        max_disparity: search range in pixels that it was exported with.
        ranges: the smallest and the largest search range that take the same planes.
        divisor: height and width of the views are multiples of it.
        smallest: least height and width.
        config: of the network, as in a checkpoint.
    """

    max_disparity: int
    ranges: tuple[int, int]
    divisor: int
    smallest: tuple[int, int]
    config: Mapping[str, Any]

    def to_json(self) -> str:
        """Return the entry of the metadata."""
        return json.dumps({"version": VERSION, **asdict(self)})

    @classmethod
    def from_json(cls, text: str | None, source: str) -> Facts:
        """Read an entry.

        Raises:
            FormatError: there is none, or it is of another version.
        """
        content = json.loads(text) if text else {}
        version = content.pop("version", None)
        if version != VERSION:
            wanted = "was it written by tools/export.py?"
            if version is not None:
                wanted = f"it is of version {version}, expected {VERSION}; export it again"
            raise FormatError(f"checkpoint={source}: holds no description by dsmnet; {wanted}")
        return cls(**content | {name: tuple(content[name]) for name in ("ranges", "smallest")})
