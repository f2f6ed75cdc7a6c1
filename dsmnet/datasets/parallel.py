"""One function over many items in several processes: results in order, memory bounded."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, Generic, TypeVar

import cv2

from dsmnet.errors import UserError

Result = TypeVar("Result")

_AHEAD = 4  # items per process that are handed out before the oldest is done

_function: Callable[[int], Any]  # in a working process: what it does


def worker_count(workers: str | int) -> int:
    """Resolve ``workers=auto|N``: auto is the number of cores that this process may use.

    Raises:
        UserError: Neither auto nor a positive whole number.
    """
    if workers == "auto":
        allowed = getattr(os, "sched_getaffinity", None)
        return len(allowed(0)) if allowed else os.cpu_count() or 1
    if isinstance(workers, int) and not isinstance(workers, bool) and workers > 0:
        return workers
    raise UserError(f"workers={workers}: expected auto or a positive whole number of processes")


class OrderedMap(Generic[Result]):
    """An iterable of ``function(item)`` in the order of the items.

    Args:
        function: Has to be picklable, and its results too.
        items: what it is called with.
        workers: Processes; with one, all happens in this process.
        crashed: The result of an item that kills the process which works on it.
    """

    def __init__(
        self,
        function: Callable[[int], Result],
        items: Sequence[int],
        workers: int,
        crashed: Callable[[int], Result],
    ) -> None:
        self.function, self.items, self.crashed = function, items, crashed
        self.workers = min(workers, len(items))

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Result]:
        return self._parallel() if self.workers > 1 else map(self.function, self.items)

    def _pool(self, workers: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(workers, initializer=_start, initargs=(self.function,))

    def _parallel(self) -> Iterator[Result]:
        waiting = iter(self.items)
        running: deque[tuple[int, Future[Result]]] = deque()
        pool = self._pool(self.workers)
        try:
            while True:
                for item in islice(waiting, _AHEAD * self.workers - len(running)):
                    running.append((item, _submit(pool, item)))
                if not running:
                    return
                try:
                    yield running[0][1].result()
                    running.popleft()
                except BrokenProcessPool:  # one of them killed its process, and the pool with it
                    pool.shutdown(wait=False)
                    for item, _ in running:
                        yield self._alone(item)
                    running.clear()
                    pool = self._pool(self.workers)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _alone(self, item: int) -> Result:
        with self._pool(1) as pool:
            try:
                return _submit(pool, item).result()
            except BrokenProcessPool:
                return self.crashed(item)


def _submit(pool: ProcessPoolExecutor, item: int) -> Future[Any]:
    try:
        return pool.submit(_call, item)
    except BrokenProcessPool as error:  # it broke before this item was its turn
        future: Future[Any] = Future()
        future.set_exception(error)
        return future


def _start(function: Callable[[int], Any]) -> None:
    global _function
    _function = function
    cv2.setNumThreads(0)  # its threads do not survive a fork, and each process has one core
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interruption is the parent's affair


def _call(item: int) -> Any:
    return _function(item)
