"""Items per second, and the table made of them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from benchmarks.rate import Rate, Rated, markdown, rate
from dsmnet.errors import UserError


def busy() -> Callable[[], None]:
    def run() -> None:
        until = time.process_time() + 0.02
        while time.process_time() < until:
            pass

    return run


def test_rate_is_items_over_time() -> None:
    assert rate(Rate("busy", busy, 10, 1), repeats=3).rate == pytest.approx(500, rel=0.3)
    with pytest.raises(UserError, match="repeats=0"):
        rate(Rate("busy", busy, 10, 1), repeats=0)


def test_a_missed_rate_says_so() -> None:
    lines = markdown("Part", [Rated("a", 26, 25), Rated("b", 9, 10)]).splitlines()
    assert lines[-2:] == ["| a | 26.0 | 25 |", "| b | 9.0 | 10 missed |"]
