"""Frames of two cameras that belong together, by their times."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

_MOST_WAITING = 100  # frames of a camera for which none of the other one has come; each is held in memory


class TimedFrame(NamedTuple):
    """A frame of one of two cameras, not yet decoded."""

    side: int  # 0 left, 1 right
    time: int  # nanoseconds
    content: Any


class Synchroniser:
    """Pairs the frames of two cameras that are nearest in time; each is used once, the others are dropped.

    Attributes:
        dropped: Number of left and of right frames without a partner so far.
        nearest: Seconds between the nearest of the frames that did not make a pair; None without any.
    """

    def __init__(self, tolerance: float) -> None:
        """See the class; `tolerance` is the longest time between the views of a pair, in seconds."""
        self.tolerance = round(tolerance * 1e9)
        self.dropped = [0, 0]
        self.nearest: float | None = None
        self._waiting: tuple[deque[TimedFrame], deque[TimedFrame]] = (deque(), deque())

    def pairs(self, frames: Iterable[TimedFrame]) -> Iterator[tuple[TimedFrame, TimedFrame]]:
        """Yield left and right frames, of frames that come in the order of their times for each camera."""
        for frame in frames:
            queue = self._waiting[frame.side]
            queue.append(frame)
            yield from self._ready(final=False)
            if len(queue) > _MOST_WAITING:
                self._drop(frame.side)
        yield from self._ready(final=True)
        for side in (0, 1):
            while self._waiting[side]:
                self._drop(side)

    def _ready(self, final: bool) -> Iterator[tuple[TimedFrame, TimedFrame]]:
        while all(self._waiting):
            heads = [queue[0] for queue in self._waiting]
            early = 0 if heads[0].time <= heads[1].time else 1
            queue, late = self._waiting[early], heads[1 - early].time
            gap = late - heads[early].time
            if gap > self.tolerance:
                self.nearest = min(gap / 1e9, self.nearest or gap / 1e9)
                self._drop(early)
            elif gap and len(queue) == 1 and not final:
                return  # the next one may be nearer
            elif len(queue) > 1 and abs(queue[1].time - late) < gap:
                self._drop(early)
            else:
                yield self._waiting[0].popleft(), self._waiting[1].popleft()

    def _drop(self, side: int) -> None:
        self._waiting[side].popleft()
        self.dropped[side] += 1
