"""Items per second and core, where there is no slower way to compare with."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.memory import Setup
from dsmnet.options import check_whole


@dataclass(frozen=True)
class Rate:
    """Work with a promised rate.

    Args:
        name: Name of the items, with the size.
        setup: Setup of the work.
        items: Items made in one run.
        target: Items per second that were promised.
    """

    name: str
    setup: Setup
    items: int
    target: float


@dataclass(frozen=True)
class Rated:
    """Items per second of the process's own time, median of runs: other processes hardly change it."""

    name: str
    rate: float
    target: float

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of benchmark.json."""
        return asdict(self)


def rate(case: Rate, repeats: int = 5) -> Rated:
    """Run `repeats` times after one run that is not timed."""
    check_whole("repeats", repeats)
    run = case.setup()
    run()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return Rated(case.name, case.items / statistics.median(seconds), case.target)


def markdown(part: str, found: Iterable[Rated]) -> str:
    """Return a table of one part; a missed target says so."""
    lines = [f"## {part}", "", "| what | per second and core | target |", "| :-- | --: | --: |"]
    lines += [
        f"| {r.name} | {r.rate:.1f} | {r.target:g}{'' if r.rate >= r.target else ' missed'} |" for r in found
    ]
    return "\n".join([*lines, ""])
