"""Progress bars of the tools."""

from __future__ import annotations

import pytest

from dsmnet.progress import track


def test_progress_shows_count_rate_and_time_and_can_be_silenced(capfd: pytest.CaptureFixture[str]):
    assert list(track([1, 2, 3], "work", unit="image")) == [1, 2, 3]
    shown = capfd.readouterr()
    assert "work" in shown.err
    assert "3/3" in shown.err
    assert "images/s" in shown.err
    assert not shown.out
    assert list(track([1, 2, 3], "work", enabled=False)) == [1, 2, 3]
    assert capfd.readouterr() == ("", "")


def test_a_bar_inside_another_is_shown_below_it(capfd: pytest.CaptureFixture[str]):
    for _ in track([1, 2], "pairs"):
        assert list(track([1, 2, 3], "tiles", unit="tile")) == [1, 2, 3]
    shown = capfd.readouterr().err
    assert "2/2" in shown
    for _ in track([1, 2], "pairs"):
        break  # given up half way, a bar leaves nothing behind
    assert list(track([1, 2, 3], "alone", unit="tile")) == [1, 2, 3]
    assert "3/3" in capfd.readouterr().err
