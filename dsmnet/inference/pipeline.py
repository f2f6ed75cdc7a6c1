"""Reading ahead of the work and writing behind it, in threads of their own, with bounded memory.

Decoding and encoding leave Python's lock, as a network's operations do, so that the three run at once. What a
thread raises comes out where its result is asked for.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")


class ReadAhead(Generic[Item, Loaded]):
    """Iterate over ``(item, result)``, where ``result()`` returns or raises what ``load(item)`` did.

    Args:
        items: In the order in which they are loaded, one at a time.
        load: Called in a thread of its own.
        ahead: Items loaded before they are asked for, at most; 0 loads each when its result is asked for.
    """

    def __init__(self, items: Sequence[Item], load: Callable[[Item], Loaded], ahead: int) -> None:
        self.items, self.load, self.ahead = items, load, ahead

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[tuple[Item, Callable[[], Loaded]]]:
        if self.ahead == 0:
            for item in self.items:
                yield item, functools.partial(self.load, item)
            return
        pool = ThreadPoolExecutor(1, "read ahead")
        waiting: deque[tuple[Item, Callable[[], Loaded]]] = deque()
        try:
            for item in self.items:
                waiting.append((item, pool.submit(self.load, item).result))
                if len(waiting) > self.ahead:
                    yield waiting.popleft()
            yield from waiting
        finally:
            pool.shutdown(cancel_futures=True)


class WriteBehind:
    """Run tasks one after the other in a thread of their own; leaving the context waits for all.

    Args:
        behind: Tasks that wait, at most; 0 runs each at once.

    Example:
        >>> with WriteBehind(2) as writing:
        ...     writing.submit([].append, 1)
    """

    def __init__(self, behind: int) -> None:
        self.behind = behind
        self._pool = ThreadPoolExecutor(1, "write behind") if behind else None
        self._waiting: deque[Future[Any]] = deque()

    def submit(self, task: Callable[..., Any], *args: Any) -> None:
        """Hand a task over; wait where too many wait already, and raise what an earlier one raised."""
        if self._pool is None:
            task(*args)
            return
        self._waiting.append(self._pool.submit(task, *args))
        while len(self._waiting) > self.behind:
            self._waiting.popleft().result()

    def __enter__(self) -> WriteBehind:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is None:
            return
        self._pool.shutdown()
        if error is None:
            for task in self._waiting:
                task.result()
