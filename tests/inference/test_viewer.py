"""The recording to look at: what is in it, and that it is complete however a run ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dsmnet.errors import UserError
from dsmnet.inference.batch import LoadedPair, MatchedPair
from dsmnet.inference.files import ResultWriter
from dsmnet.inference.viewer import check_viewer, open_viewer
from dsmnet.io.pairs import PairFiles
from dsmnet.types import Calibration

VIEW = np.zeros((20, 30, 3), np.uint8)
CALIBRATION = Calibration(focal=50, baseline=0.1)


def show(path: Path, calibration: Calibration | None, frames: int = 3, stop_at: int | None = None) -> None:
    with open_viewer(str(path), ResultWriter(path.parent)) as (shown,):
        for number in range(1, frames + 1):
            if number == stop_at:
                raise KeyboardInterrupt
            pair = PairFiles(f"a{number}", Path("l"), Path("r"), None, number, 1.7e9 + number)
            disparity = np.full((20, 30), 5, np.float32)
            disparity[0] = np.inf
            trust = None if calibration is None else np.ones((20, 30), np.float32)
            shown(pair, LoadedPair(VIEW, VIEW, calibration), MatchedPair(disparity, trust, 0.1, 64))


def entities(path: Path) -> dict[str, tuple[int, set[str]]]:
    """Rows and timelines of each entity, by the reader of Rerun."""
    from rerun.chunk import RrdReader

    found: dict[str, tuple[int, set[str]]] = {}
    for chunk in RrdReader(str(path)).stream():
        rows, timelines = found.get(chunk.entity_path, (0, set()))
        found[chunk.entity_path] = rows + chunk.num_rows, timelines | set(chunk.timeline_names)
    return found


def test_recording_has_all_there_is(tmp_path: Path) -> None:
    pytest.importorskip("rerun")
    show(tmp_path / "all.rrd", CALIBRATION)
    found = entities(tmp_path / "all.rrd")
    for name in ("/left", "/right", "/disparity", "/confidence", "/depth", "/cloud"):
        rows, timelines = found[name]
        assert rows == 3, name
        assert {"pair", "time"} <= timelines, name
    show(tmp_path / "few.rrd", None)
    assert entities(tmp_path / "few.rrd").keys().isdisjoint({"/confidence", "/depth", "/cloud"})


def test_pairs_of_a_folder_are_counted(tmp_path: Path) -> None:
    pytest.importorskip("rerun")
    from rerun.chunk import RrdReader

    with open_viewer(str(tmp_path / "a.rrd"), ResultWriter(tmp_path)) as (shown,):
        for name in "ab":
            loaded = LoadedPair(VIEW, VIEW, None)
            shown(
                PairFiles(name, Path("l"), Path("r")),
                loaded,
                MatchedPair(np.ones((20, 30), np.float32), None, 0, 9),
            )
    chunks = [
        c.to_record_batch() for c in RrdReader(str(tmp_path / "a.rrd")).stream() if c.entity_path == "/left"
    ]
    assert sorted(number for chunk in chunks for number in chunk.column("pair").to_pylist()) == [1, 2]


def test_recording_of_an_interrupted_run_is_complete(tmp_path: Path) -> None:
    pytest.importorskip("rerun")
    with pytest.raises(KeyboardInterrupt):
        show(tmp_path / "a.rrd", CALIBRATION, frames=9, stop_at=4)
    assert entities(tmp_path / "a.rrd")["/cloud"][0] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["a.rrd"]


def test_viewer_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    check_viewer(None)
    with pytest.raises(UserError, match=r"viewer=film.mp4: expected rerun, or FILE.rrd"):
        check_viewer("film.mp4")
    with monkeypatch.context() as patched:
        patched.setitem(__import__("sys").modules, "rerun", None)
        with pytest.raises(UserError, match=r"viewer=a.rrd: .*pip install 'dsmnet\[viewer\]'"):
            check_viewer("a.rrd")
    pytest.importorskip("rerun")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(UserError, match=r"viewer=rerun: there is no display; expected viewer=FILE\.rrd"):
        check_viewer("rerun")
