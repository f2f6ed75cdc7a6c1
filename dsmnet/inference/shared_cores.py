"""As many threads as other programs leave cores to this one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import torch

Item = TypeVar("Item")


class SharedCores:
    """Number of threads that torch uses, chosen anew before each item by what other programs did meanwhile.

    Threads of one operator wait for each other. On cores that others use too, each is held up in its turn,
    and two threads are slower than one that is held up alone. What counts are the cores that this program may
    run on, by Linux's /proc/stat; where there is none, the number of threads stays.
    """

    def __init__(self, path: Path = Path("/proc/stat")) -> None:
        self.path = path
        self.most = torch.get_num_threads()
        self._last = self._times()

    def share(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items, each after the number of threads is chosen; in the end it is what it was."""
        try:
            for item in items:
                torch.set_num_threads(self.threads())
                yield item
        finally:
            torch.set_num_threads(self.most)

    def threads(self) -> int:
        """Return the number of threads by what was used since the last call, or since the start."""
        now = self._times()
        if now is None or self._last is None or now[0] - self._last[0] < 0.1:  # the clock of /proc has 10 ms
            return torch.get_num_threads()
        seconds, cores, own = (after - before for after, before in zip(now, self._last, strict=True))
        self._last = now
        free = len(os.sched_getaffinity(0)) - (cores - own) / seconds
        return max(1, min(self.most, round(free)))

    def _times(self) -> tuple[float, float, float] | None:
        """Return the clock, the seconds of our cores that all programs used, and those that this one used."""
        try:
            names = {f"cpu{number}" for number in os.sched_getaffinity(0)}
            lines = [line.split()[:9] for line in self.path.read_text().splitlines()]
            ticks = [list(map(int, numbers)) for name, *numbers in filter(None, lines) if name in names]
            # Two of them are idle: without work, and waiting for a disk.
            used = sum(user + nice + system + sum(rest) for user, nice, system, _, _, *rest in ticks)
        except (OSError, ValueError, AttributeError):  # the last where a system has no such call
            return None
        if not ticks:
            return None
        return time.monotonic(), used / os.sysconf("SC_CLK_TCK"), time.process_time()
