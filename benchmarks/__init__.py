"""Fast paths beside their plain references, timed in turn in one process.

A part of the benchmark is a yaml in conf/benchmark_part, with sizes and promises (``target``: times as fast
as the reference; ``memory_target``: share of its peak memory), and a function here that returns its cases.
"""

import dsmnet.commands  # noqa: F401  (threads and memory as in all programs: before torch is imported)
from benchmarks.compare import Case, Comparison, compare

__all__ = ["Case", "Comparison", "compare"]
