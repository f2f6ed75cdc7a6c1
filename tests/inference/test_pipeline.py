"""Reading ahead, writing behind: order, bounds, exceptions, files that are whole or not there."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from dsmnet.atomic import atomic_write_all
from dsmnet.inference.pipeline import ReadAhead, write_behind


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_items_come_in_order_and_no_more_are_loaded_than_may_be(ahead: int) -> None:
    loaded: list[int] = []

    def load(item: int) -> int:
        loaded.append(item)
        return 10 * item

    reading = ReadAhead(range(20), load, ahead)
    assert len(reading) == 20
    most = 0
    for number, (item, result) in enumerate(reading):
        assert (item, result()) == (number, 10 * number)
        time.sleep(0.005)  # a fast reader has time to run too far
        most = max(most, len(loaded) - number - 1)
    assert most == ahead


def test_reading_happens_in_the_meantime() -> None:
    second_is_read = threading.Event()

    def load(item: int) -> int:
        if item == 1:
            second_is_read.set()
        return item

    for item, result in ReadAhead(range(2), load, 1):
        result()
        if item == 0:
            assert second_is_read.wait(5)  # while the first is worked on


@pytest.mark.parametrize("ahead", [0, 2])
def test_what_loading_raises_belongs_to_its_item(ahead: int) -> None:
    def load(item: int) -> int:
        return 1 // (item - 1)

    outcomes = []
    for _, result in ReadAhead(range(3), load, ahead):
        try:
            outcomes.append(result())
        except ZeroDivisionError:
            outcomes.append(None)
    assert outcomes == [-1, None, 1]


def test_leaving_early_stops_the_reader() -> None:
    before = threading.active_count()
    reading = iter(ReadAhead(range(1000), lambda item: item, 2))
    next(reading)
    reading.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


@pytest.mark.parametrize("behind", [0, 1, 3])
def test_tasks_run_in_order_and_few_wait(behind: int) -> None:
    done: list[int] = []

    def task(number: int) -> None:
        time.sleep(0.002)
        done.append(number)

    with write_behind(behind) as submit:
        for number in range(20):
            submit(task, number)
            assert len(done) >= number - behind
    assert done == list(range(20))


@pytest.mark.parametrize("behind", [0, 2])
def test_what_a_task_raises_comes_out(behind: int) -> None:
    with pytest.raises(ZeroDivisionError), write_behind(behind) as submit:
        submit(lambda: 1 // 0)


def test_an_interruption_waits_for_what_was_handed_over() -> None:
    done: list[int] = []

    def task() -> None:
        time.sleep(0.02)
        done.append(1)

    def work() -> None:
        with write_behind(3) as submit:
            for _ in range(3):
                submit(task)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert len(done) == 3


def write(folder: Path, text: str, fail: bool = False) -> None:
    with atomic_write_all(folder, "a", "a.pfm") as aside:
        (aside / "a.pfm").write_text(text)
        if fail:
            raise KeyboardInterrupt
        (aside / "a.png").write_text(text)


def test_files_appear_together_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        write(folder, "half", fail=True)
    assert list(folder.iterdir()) == []
    write(folder, "one")
    with pytest.raises(KeyboardInterrupt):
        write(folder, "half", fail=True)
    assert [(path.name, path.read_text()) for path in sorted(folder.iterdir())] == [
        ("a.pfm", "one"),
        ("a.png", "one"),
    ]


def test_what_a_killed_run_left_is_no_part_of_the_next(tmp_path: Path) -> None:
    (tmp_path / ".part-a").mkdir()
    (tmp_path / ".part-a" / "a.ply").write_text("old")
    write(tmp_path, "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pfm", "a.png"]


def test_the_file_that_says_all_are_there_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "old")
    seen: list[list[str]] = []
    replace = __import__("os").replace

    def watch(source: Path, target: Path) -> None:
        seen.append(sorted(path.name for path in tmp_path.glob("a.*")))
        replace(source, target)

    monkeypatch.setattr("os.replace", watch)
    write(tmp_path, "new")
    assert seen == [["a.png"], ["a.png"]]  # the old a.pfm is gone before the first, the new one is moved last
    assert (tmp_path / "a.pfm").read_text() == "new"
