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
    and two threads are slower than one that is held up alone. The use of all cores is read from Linux's
    /proc/stat; where there is none, the number of threads stays.
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
        seconds, all_programs, own = (after - before for after, before in zip(now, self._last, strict=True))
        self._last = now
        return max(1, min(self.most, round(self.most - (all_programs - own) / seconds)))

    def _times(self) -> tuple[float, float, float] | None:
        """Return the clock and the seconds of cores that all programs and this one have used."""
        try:
            numbers = self.path.read_text().split("\n", 1)[0].split()[1:9]
            user, nice, system, _, _, *others = map(int, numbers)  # between them: idle, waiting for a disk
        except (OSError, ValueError):
            return None
        used = sum((user, nice, system, *others)) / os.sysconf("SC_CLK_TCK")
        return time.monotonic(), used, time.process_time()
