"""Work on the pairs of a data set, one piece after the other in several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.synchronize import Event
from typing import Any, TypeVar

import cv2

from dsmnet.errors import UserError
from dsmnet.options import check_whole

Piece = TypeVar("Piece")
Result = TypeVar("Result")
_shared: Any  # in a working process: sent once, for a set of 200,000 pairs takes long to pickle
_stop: Event | None = None


def worker_count(workers: str | int) -> int:
    """Return the number of processes of ``workers=auto|N``; auto is the cores that this process may use."""
    if workers == "auto":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return check_whole("workers", workers, unit="processes")


@contextmanager
def in_processes(
    work: Callable[[Any, Piece], Result], shared: Any, pieces: Sequence[Piece], workers: int, name: str
) -> Iterator[list[Callable[[], Result]]]:
    """Do ``work(shared, piece)`` for each piece in so many processes; what is called waits for its result.

    An error or an interruption cancels what has not begun and lets `goes_on` say so to what has.

    Raises:
        UserError: A process was killed; `name` says at what.
    """
    workers = min(workers, len(pieces))
    if workers <= 1:
        yield [partial(work, shared, piece) for piece in pieces]
        return
    stop = multiprocessing.Event()
    pool = ProcessPoolExecutor(workers, initializer=_share, initargs=(shared, stop))
    try:
        yield [pool.submit(_work_on_shared, work, piece).result for piece in pieces]
    except BrokenProcessPool:
        raise UserError(
            f"{name}: a process that reads pairs was killed; workers=1 tells at which one"
        ) from None
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def goes_on() -> bool:
    """Whether the work is still wanted, for what takes longer than a pair."""
    return _stop is None or not _stop.is_set()


def _share(shared: Any, stop: Event) -> None:
    global _shared, _stop
    _shared, _stop = shared, stop
    cv2.setNumThreads(0)  # its threads do not survive a fork, and each process has one core
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interruption is the parent's affair


def _work_on_shared(work: Callable[[Any, Piece], Result], piece: Piece) -> Result:
    return work(_shared, piece)
