"""Cameras: the newest frames are matched, the others dropped; what stops sending is named."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet.errors import DataError, UserError
from dsmnet.inference.batch import predict_files
from dsmnet.inference.files import ResultWriter
from dsmnet.inference.sources import pair_source
from dsmnet.io.live import LivePairs, PacedVideo, is_camera, open_camera
from dsmnet.types import Matcher


class FakeCamera:
    """Sends frames at its own pace whether they are taken or not; each carries its number."""

    def __init__(
        self, fps: float, offset: float = 0.0, last: int | None = None, silent: bool = False
    ) -> None:
        self.fps, self.last, self.silent = fps, last, silent
        self.start, self.made, self.released = time.monotonic() + offset, 0, False

    def read(self) -> tuple[bool, Any]:
        if self.last is not None and self.made >= self.last:
            if not self.silent:
                raise EOFError
            time.sleep(0.02)
            return False, None
        # A camera does not wait for its reader: what was not taken in time is overwritten.
        now = time.monotonic() - self.start
        self.made = max(self.made + 1, int(now * self.fps))
        time.sleep(max(0.0, self.made / self.fps - now))
        return True, np.full((8, 16, 3), (self.made % 256, self.made // 256, 0), np.uint8)

    def release(self) -> None:
        self.released = True


def number(view: np.ndarray) -> int:
    """Number of a frame; RGB, while it was sent as BGR."""
    return int(view[0, 0, 2]) + 256 * int(view[0, 0, 1])


def live(*cameras: FakeCamera, **options: Any) -> LivePairs:
    opened: dict[str, FakeCamera] = {str(index): camera for index, camera in enumerate(cameras)}
    options = {"patience": 0.4, "opener": lambda name, _: opened[name], **options}
    if len(cameras) == 1:
        return LivePairs("camera:0", None, "side_by_side", **options)
    return LivePairs("camera:0", "camera:1", **options)


def test_a_slow_matcher_gets_the_newest_frame_and_drops_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    camera = FakeCamera(fps=100, last=60)
    pairs = live(camera)
    behind, taken = [], []
    for pair in pairs:
        left, right = pairs.load(pair)
        assert left.shape == right.shape == (8, 8, 3)
        behind.append(camera.made - number(left))
        taken.append(number(left))
        time.sleep(0.08)  # eight frames
    assert max(behind) <= 1  # no lag, however long it runs: the camera is at work on the next one
    assert taken == sorted(set(taken))
    assert 5 <= len(taken) <= 10
    assert np.diff(taken).mean() == pytest.approx(8, abs=2)  # at the pace of the matcher
    assert camera.released
    dropped = float(pairs.status().split(", ")[-1].split("%")[0])
    assert 75 <= dropped <= 95
    assert "frames/s" in caplog.text or pairs.status().startswith("live: ")


def test_a_fast_matcher_gets_each_frame_once() -> None:
    pairs = live(FakeCamera(fps=50, last=20))
    taken = [number(pairs.load(pair)[0]) for pair in pairs]
    assert taken == sorted(set(taken))
    assert len(taken) >= 12


@pytest.mark.parametrize(("rates", "offset"), [((40, 40), 0.005), ((40, 40), 0.018), ((60, 20), 0.01)])
def test_two_cameras_are_paired_by_arrival(rates: tuple[float, float], offset: float) -> None:
    cameras = FakeCamera(rates[0], last=40), FakeCamera(rates[1], offset, last=40)
    pairs, seen = live(*cameras), []
    for pair in pairs:
        views = pairs.load(pair)
        moments = [
            camera.start + number(view) / camera.fps for camera, view in zip(cameras, views, strict=True)
        ]
        seen.append(moments)
    apart = np.abs(np.diff(seen, axis=1))
    assert len(seen) >= 8
    assert np.median(apart) <= 0.5 / min(rates)
    assert len({left for left, _ in seen}) == len({right for _, right in seen}) == len(seen)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_camera_that_stops_is_named_within_seconds(side: str, tmp_path: Path) -> None:
    cameras = [FakeCamera(50), FakeCamera(50)]
    cameras[("left", "right").index(side)] = FakeCamera(50, last=15, silent=True)
    pairs = live(*cameras)

    class Zero(Matcher):
        def predict(
            self, left: np.ndarray, right: np.ndarray, max_disparity: int | None = None
        ) -> np.ndarray:
            return np.zeros(left.shape[:2], np.float32)

    begun = time.monotonic()
    summary = predict_files(Zero(), pairs, ResultWriter(tmp_path))
    assert time.monotonic() - begun < 3
    assert summary.done >= 3  # and what was matched before is complete
    assert len(list(tmp_path.glob("*.pfm"))) == summary.done
    index = ("left", "right").index(side)
    with pytest.raises(
        UserError, match=rf"{side}=camera:{index}: no frame for 0.4 s.*; \d+ pairs are finished"
    ):
        summary.check()
    assert all(camera.released for camera in cameras)


def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(DataError, match=r"^left=camera:99: cannot be opened$"):
        LivePairs("camera:99", None, "side_by_side")

    def refuse(name: str, options: object) -> Any:
        raise RuntimeError("the driver\nis busy")

    with pytest.raises(DataError, match=r"^(left=camera:0|right=camera:1): the driver$"):
        LivePairs("camera:0", "camera:1", opener=refuse)
    hangs = threading.Event()
    with pytest.raises(DataError, match=r"left=camera:0: no frame for 0\.2 s"):
        LivePairs("camera:0", None, "top_bottom", opener=lambda *_: hangs.wait(2), patience=0.2)  # type: ignore[arg-type, return-value]


class Cropped(FakeCamera):
    rows = 4

    def read(self) -> tuple[bool, Any]:
        return True, super().read()[1][: self.rows]


def test_views_that_do_not_fit_are_refused_at_once() -> None:
    with pytest.raises(
        DataError, match=r"right=camera:1: expected two views of one size.*\(8, 16\) and \(4, 16\)"
    ):
        live(FakeCamera(50), Cropped(50))
    odd = Cropped(50)
    odd.rows = 7
    with pytest.raises(DataError, match="a height of 7 cannot be halved"):
        LivePairs("camera:0", None, "top_bottom", opener=lambda *_: odd)


def test_cameras_that_never_fit_are_told() -> None:
    with pytest.raises(DataError, match="no frames that arrive within sync_tolerance"):
        live(FakeCamera(20), FakeCamera(20, 0.02), tolerance=0.0, patience=0.6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: pair_source("camera:0", "a.png"),
            "expected two videos, or images on both sides, or two cameras",
        ),
        (lambda: pair_source("camera:0", None), "layout=separate right=None: expected two cameras"),
        (lambda: pair_source("camera:0", "camera:1", None, "top_bottom"), "layout=top_bottom right=camera:1"),
        (lambda: pair_source("camera:0", "camera:0"), "left=camera:0 right=camera:0: expected two cameras"),
        (
            lambda: live(FakeCamera(9), options={"width": 0}),
            "camera.width=0: expected a number above 0",
        ),
        (lambda: live(FakeCamera(9), options={"fps": -1}), "camera.fps=-1: expected a number"),
    ],
)
def test_options_that_do_not_go_together(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()


def test_a_video_in_the_place_of_a_camera_plays_at_its_pace(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 20, (64, 32))
    for k in range(6):
        writer.write(np.full((32, 64, 3), 40 * k, np.uint8))
    writer.release()
    assert is_camera(f"camera:{path}")
    assert not is_camera(str(path))
    camera = open_camera(str(path), {})
    assert isinstance(camera, PacedVideo)
    begun = time.monotonic()
    brightness = [camera.read()[1].mean() for _ in range(6)]
    assert time.monotonic() - begun >= 0.24
    assert brightness == pytest.approx([40 * k for k in range(6)], abs=8)
    with pytest.raises(EOFError):
        camera.read()
    names = [pair.name for pair in LivePairs(f"camera:{path}", None, "side_by_side")]
    assert names[0] == "a_000001"
