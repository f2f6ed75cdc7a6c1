"""How much memory a prediction takes, from the size of the pair and the search range."""

from __future__ import annotations

from dataclasses import dataclass

from dsmnet.types import Matcher

GIGABYTE = 1e9  # bytes


@dataclass(frozen=True)
class Footprint:
    """Bytes that a prediction on a CPU takes, measured by tools/benchmark.py and rounded up.

    Args:
        per_cell: Bytes per pixel and pixel of search range.
        per_pixel: Bytes per pixel, whatever the range.
        base: Bytes of the process before it has seen an image.
    """

    per_cell: float
    per_pixel: float
    base: float = 0.8 * GIGABYTE

    def of(self, height: int, width: int, reach: int) -> float:
        """Return the bytes that a pair of this size with this search range takes."""
        return self.base + height * width * (self.per_pixel + self.per_cell * reach)

    def scale_to_fit(self, height: int, width: int, reach: int, memory: float) -> float:
        """Return by how much a pair has to shrink, 1 or more, to be matched in `memory` GB."""
        scale = 1.0
        while (
            scale < min(height, width)
            and self.of(int(height / scale), int(width / scale), int(reach / scale)) > memory * GIGABYTE
        ):
            scale *= 1.1
        return scale


MEASURED = {"dsmnet_lite": Footprint(4.2, 450), "tiny": Footprint(4.2, 450)}
LARGEST = Footprint(36, 500)  # dsmnet, psmnet and gwcnet take less, others most likely too


def footprint(matcher: Matcher) -> Footprint:
    """Return what a matcher takes: as measured for its network, else what the largest networks take."""
    return MEASURED.get(getattr(matcher, "config", {}).get("model", ""), LARGEST)
