"""Many items in several processes: order, length, memory, and items that kill their process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from dsmnet.datasets.parallel import OrderedMap, worker_count
from dsmnet.errors import UserError


def square(item: int) -> int:
    time.sleep(0.02 if item % 3 == 0 else 0)  # so that later ones are done earlier
    return item * item


def square_or_die(item: int) -> int:
    if item in (4, 11, 12):
        os.kill(os.getpid(), signal.SIGKILL)
    return item * item


def crashed(item: int) -> int:
    return -item


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order(workers: int):
    results = OrderedMap(square, range(40), workers, crashed)
    assert len(results) == 40
    assert list(results) == [item * item for item in range(40)]
    assert list(results) == [item * item for item in range(40)]  # again


def test_an_item_that_kills_its_process_does_not_stop_the_others():
    results = list(OrderedMap(square_or_die, range(30), 2, crashed))
    assert results == [-item if item in (4, 11, 12) else item * item for item in range(30)]


class Counted:
    """Items that count how many of them were taken."""

    def __init__(self, length: int) -> None:
        self.length, self.taken = length, 0

    def __len__(self) -> int:
        return self.length

    def __iter__(self):  # type: ignore[no-untyped-def]
        for item in range(self.length):
            self.taken += 1
            yield item


def test_no_more_is_handed_out_than_a_few_per_process():
    items = Counted(1000)
    results = iter(OrderedMap(square, items, 2, crashed))  # type: ignore[arg-type]
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    assert items.taken <= 3 + 4 * 2
    results.close()  # type: ignore[attr-defined]


def test_nothing_to_do():
    assert list(OrderedMap(square, [], 4, crashed)) == []


def test_worker_count(monkeypatch: pytest.MonkeyPatch):
    assert worker_count(3) == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {2, 5, 7}, raising=False)
    assert worker_count("auto") == 3


@pytest.mark.parametrize("wrong", [0, -1, "many", True, 1.5, None])
def test_wrong_worker_counts(wrong: Callable[..., object]):
    with pytest.raises(UserError, match="workers="):
        worker_count(wrong)  # type: ignore[arg-type]
