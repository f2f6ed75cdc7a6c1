"""Threads by what other programs use: the clock of all cores is a file, the own ones are patched."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from dsmnet.inference.shared_cores import SharedCores

TICKS = 100  # per second


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    now = {"monotonic": 50.0, "process_time": 1.0}
    monkeypatch.setattr("os.sysconf", lambda name: TICKS)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1, 2, 3}, raising=False)
    for name in now:
        monkeypatch.setattr(f"time.{name}", lambda name=name: now[name])
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    return now


def stat(path: Path, busy: float) -> Path:
    """A file where our four cores were busy for so long, and a fifth one all the time."""
    lines = [f"cpu{core} {int(busy * TICKS / 4)} 0 0 999999 7 0 0 0 0 0" for core in range(4)]
    path.write_text("\n".join(["cpu  1 2 3 4 5 6 7 8", *lines, f"cpu4 {time.monotonic_ns()} 0 0 0 0 0 0 0"]))
    return path


@pytest.mark.parametrize(
    ("others", "threads"), [(0.0, 4), (0.1, 4), (1.0, 3), (2.6, 1), (4.0, 1)], ids=lambda v: str(v)
)
def test_threads_are_the_cores_that_others_leave(
    others: float, threads: int, clocks: dict[str, float], tmp_path: Path
) -> None:
    cores = SharedCores(stat(tmp_path / "stat", 1000.0))
    clocks["monotonic"] += 2.0
    clocks["process_time"] += 3.0
    stat(tmp_path / "stat", 1000.0 + 3.0 + 2.0 * others)
    assert cores.threads() == threads


@pytest.mark.parametrize("text", [None, "", "cpu0 1 2", "cpu0 a b c d e f g h"])
def test_threads_stay_where_the_system_does_not_tell(
    text: str | None, clocks: dict[str, float], tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "stat").write_text(text)
    cores = SharedCores(tmp_path / "stat")
    clocks["monotonic"] += 2.0
    assert cores.threads() == 4


def test_share_sets_the_threads_before_each_item_and_puts_them_back(
    clocks: dict[str, float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    cores = SharedCores(stat(tmp_path / "stat", 0.0))
    for item in cores.share([2.0, 0.0]):
        clocks["monotonic"] += 1.0
        stat(tmp_path / "stat", item)
    assert chosen == [4, 2, 4]


def test_threads_that_are_fewer_than_the_cores_stay_while_enough_are_free(
    clocks: dict[str, float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    cores = SharedCores(stat(tmp_path / "stat", 0.0))
    clocks["monotonic"] += 1.0
    stat(tmp_path / "stat", 2.0)
    assert cores.threads() == 2
