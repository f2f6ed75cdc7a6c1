"""Memory estimate of a prediction, from the size of the pair and the search range."""

from __future__ import annotations

from dataclasses import dataclass

from dsmnet.types import Matcher

GIGABYTE = 1e9  # bytes


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that a prediction on a CPU takes, measured by tools/benchmark.py and rounded up."""

    per_cell: float  # per pixel and pixel of search range
    per_pixel: float
    base: float = 0.8 * GIGABYTE  # of the process before it has seen an image

    def bytes_for(self, height: int, width: int, max_disparity: int) -> float:
        """Return the bytes that a pair of this size takes, with a search range in pixels."""
        return self.base + height * width * (self.per_pixel + self.per_cell * max_disparity)

    def scale_to_fit(self, height: int, width: int, max_disparity: int, memory: float) -> float:
        """Return the factor, 1 or more, by which a pair has to shrink to be matched in `memory` GB."""
        scale = 1.0
        while (
            scale < min(height, width)
            and self.bytes_for(int(height / scale), int(width / scale), int(max_disparity / scale))
            > memory * GIGABYTE
        ):
            scale *= 1.1
        return scale


MEASURED = {name: MemoryEstimate(4.2, 450) for name in ("dsmnet_lite", "dsmnet_base", "tiny")}
MEASURED["dsmnet_lean"] = MemoryEstimate(2.6, 300)
MEASURED |= {f"raft_stereo{form}": MemoryEstimate(0, 4000) for form in ("", "_shared")}  # up to 3,000 columns
MEASURED["raft_stereo_realtime"] = MemoryEstimate(0, 1000)
MEASURED |= {"igev_stereo": MemoryEstimate(3, 2500), "rt_igev": MemoryEstimate(2, 1300)}
MEASURED |= {f"lightstereo_{form}": MemoryEstimate(2, 800) for form in ("s", "m", "l", "lx")}
LARGEST = MemoryEstimate(36, 500)  # dsmnet, psmnet and gwcnet take less, others most likely too


def estimate_memory(matcher: Matcher) -> MemoryEstimate:
    """Return the measured estimate of a matcher's network, else that of the largest networks."""
    return MEASURED.get(matcher.config.get("model", ""), LARGEST)
