"""Reading ahead of the work and writing behind it, in threads of their own, with bounded memory.

Decoding and encoding leave Python's lock, as a network's operations do, so that the three run at once. What a
thread raises comes out where its result is asked for.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")


@dataclass
class ReadAhead(Generic[Item, Loaded]):
    """Iterate over ``(item, result)``, where ``result()`` returns or raises what ``load(item)`` did.

    Args:
        items: In the order in which they are loaded, one at a time; a stream of them is taken as it comes.
        load: Called in a thread of its own.
        ahead: Items loaded before they are asked for, at most; 0 loads each when its result is asked for.
        hint: Number of items that a stream may have; 0 where nobody knows.
    """

    items: Iterable[Item]
    load: Callable[[Item], Loaded]
    ahead: int
    hint: int = 0

    def __length_hint__(self) -> int:
        return self.hint

    def __len__(self) -> int:
        return len(self.items)  # type: ignore[arg-type]  # a TypeError of a stream, as of any other

    def __iter__(self) -> Iterator[tuple[Item, Callable[[], Loaded]]]:
        if self.ahead == 0:
            for item in self.items:
                yield item, functools.partial(self.load, item)
            return
        pool = ThreadPoolExecutor(1, "read ahead")
        waiting: deque[tuple[Item, Callable[[], Loaded]]] = deque()
        try:
            try:
                for item in self.items:
                    waiting.append((item, pool.submit(self.load, item).result))
                    if len(waiting) > self.ahead:
                        yield waiting.popleft()
            except Exception:  # a stream broke off; what it gave before counts
                yield from waiting
                raise
            yield from waiting
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def write_behind(behind: int) -> Iterator[Callable[..., None]]:
    """A function ``submit(task, *args)`` that runs tasks in a thread of their own, one after the other.

    It waits where too many tasks wait already, and raises what an earlier one raised; leaving the context
    waits for all.

    Args:
        behind: Tasks that wait, at most; 0 runs each at once.
    """
    if behind == 0:
        yield lambda task, *args: task(*args)
        return
    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(1, "write behind") as pool:

        def submit(task: Callable[..., Any], *args: Any) -> None:
            waiting.append(pool.submit(task, *args))
            while len(waiting) > behind:
                waiting.popleft().result()

        yield submit
    for task in waiting:
        task.result()
