"""What the fast paths are worth: each beside its plain reference, timed in turn in one process.

A part of the benchmark is a function that returns cases, and a yaml in conf/benchmark_part that names it.
"""

from benchmarks.compare import Case, Comparison, compare

__all__ = ["Case", "Comparison", "compare"]
