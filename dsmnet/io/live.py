"""Cameras as a stream of pairs: the newest frames are matched, those that come meanwhile are dropped."""

from __future__ import annotations

import atexit
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import cv2
import numpy as np

from dsmnet.errors import DataError, UserError
from dsmnet.io.pairs import PairFiles, PairSource, check_layout, split_views
from dsmnet.io.video import Video
from dsmnet.options import check_number
from dsmnet.types import Image

log = logging.getLogger(__name__)

PREFIX = "camera:"
PATIENCE = 5.0  # seconds without a frame after which a camera counts as gone
_PROPERTIES = {
    "width": cv2.CAP_PROP_FRAME_WIDTH,  # pixels; of both views where they come in one picture
    "height": cv2.CAP_PROP_FRAME_HEIGHT,
    "fps": cv2.CAP_PROP_FPS,
}


def is_camera(where: object) -> bool:
    """Say whether an option names a camera, as ``camera:0`` does."""
    return isinstance(where, str) and where.startswith(PREFIX)


def open_camera(name: str, options: Mapping[str, float | None]) -> Any:
    """Open a camera by its number or address, or a video file that plays at its own pace in its place.

    The options are ``width``, ``height`` and ``fps``; one that is None stays as it is. What comes back reads
    and is released as a ``cv2.VideoCapture``; an `EOFError` says that there is no more.
    """
    if Path(name).is_file():
        return PacedVideo(Path(name))
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it would say the same in its way
    capture = cv2.VideoCapture(int(name) if name.isdigit() else name)
    if not capture.isOpened():
        raise DataError("cannot be opened")
    if any(options.values()):  # the only format in which cameras on USB send large pictures at full rate
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    for option, asked in options.items():
        which = _PROPERTIES[option]
        if asked is not None and not (capture.set(which, asked) and abs(capture.get(which) - asked) < 1):
            log.warning("camera:%s: camera.%s=%g, but it has %g", name, option, asked, capture.get(which))
    return capture


class PacedVideo:
    """A video file that plays as a camera would, at its own pace."""

    def __init__(self, path: Path) -> None:
        self.video, self.number, self.start = Video(path, "camera"), 0, 0.0

    def read(self) -> tuple[bool, Any]:
        """Return the next frame once its time has come."""
        self.number += 1
        if self.number > self.video.frames:
            raise EOFError
        frame = cv2.cvtColor(self.video.frame(self.number), cv2.COLOR_RGB2BGR)
        self.start = self.start or time.monotonic()
        time.sleep(max(0.0, self.start + self.number / (self.video.rate or 30.0) - time.monotonic()))
        return True, frame

    def release(self) -> None:
        """Do nothing."""


class _Frame(NamedTuple):
    number: int = 0
    time: float = 0.0  # of arrival, by the monotonic clock
    picture: Any = None


class _Device:
    """A camera in a thread of its own, which holds its newest frame."""

    def __init__(self, label: str, open_it: Callable[[], Any], news: threading.Condition) -> None:
        self.label, self.news, self.open_it = label, news, open_it
        self.frame, self.interval = _Frame(), 0.0  # interval: seconds between frames, on average
        self.over, self.error, self.closed = False, "", False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            capture = self.open_it()
            try:
                while not self.closed:
                    there, picture = capture.read()
                    if not there:  # a camera may miss one; one that has gone is noticed by its silence
                        time.sleep(0.02)
                        continue
                    with self.news:
                        count, last, _ = self.frame
                        self.frame = _Frame(count + 1, time.monotonic(), picture)
                        if count:
                            self.interval += (self.frame.time - last - self.interval) / min(count, 30)
                        self.news.notify_all()
            finally:
                capture.release()
        except EOFError:
            self.over = True
        except Exception as error:  # whatever a driver raises belongs into the message
            self.error = (str(error).strip().splitlines() or [type(error).__name__])[0]


class LivePairs(PairSource):
    """Pairs of one or two cameras, endless; each is the newest that there is when it is asked for.

    Two cameras are paired by the times at which their frames arrive.

    Args:
        left: ``camera:0``: a number, an address, or a video file that plays in the place of a camera.
        right: The other camera; None where `layout` says that `left` sends both views.
        layout: Arrangement of the views, see `split_views`.
        file: Calibration file.
        tolerance: Longest time between the views of a pair, seconds; None: half the time between two frames.
        options: Size and rate that the cameras are asked for, as in `open_camera`.
        opener: Opens a camera by what follows ``camera:``.
        patience: Seconds after which a camera that sends nothing counts as gone.

    Raises:
        DataError: A camera is not there, or sends nothing.
    """

    live = True

    def __init__(
        self,
        left: str,
        right: str | None = None,
        layout: str = "separate",
        file: Path | None = None,
        tolerance: float | None = None,
        options: Mapping[str, float | None] = MappingProxyType({}),
        opener: Callable[[str, Mapping[str, float | None]], Any] = open_camera,
        patience: float = PATIENCE,
    ) -> None:
        check_layout(layout, right, "two cameras")
        for option, value in options.items():
            if value is not None:
                check_number(f"camera.{option}", value, above=0)
        if left == right:
            raise UserError(
                f"left={left} right={right}: expected two cameras, or one with layout=side_by_side"
            )
        self.layout, self.file, self.tolerance, self.patience = layout, file, tolerance, patience
        self.where = Path(left), Path(right or left)
        stem = re.sub(r"\W+", "_", Path(left.removeprefix(PREFIX)).stem)
        self.stem = f"camera{stem}" if stem.isdigit() else stem
        self.news = threading.Condition()
        named = [("left", left), *([("right", right)] if right else [])]
        self.devices = [
            _Device(f"{side}={name}", partial(opener, name.removeprefix(PREFIX), options), self.news)
            for side, name in named
        ]
        self._used = [0] * len(self.devices)
        self.taken = self.before = 0
        atexit.register(self.close)  # a thread inside a driver at exit may crash the process
        try:
            first = [frame.picture for frame in self._wait() or []]
            views = self.load(PairFiles(self.stem, *self.where, held=first)) if first else ()
            if not views or views[0].shape != views[1].shape:
                sizes = " and ".join(str(view.shape[:2]) for view in views) or "none"
                labels = " ".join(device.label for device in self.devices)
                raise DataError(f"{labels}: expected two views of one size, but there are {sizes}")
        except DataError:
            self.close()
            raise

    def __iter__(self) -> Iterator[PairFiles]:
        self.before, start = self.devices[0].frame.number - 1, time.monotonic()
        try:
            while frames := self._wait():
                self._used = [frame.number for frame in frames]
                self.taken += 1
                name, held = f"{self.stem}_{self.taken:06d}", [frame.picture for frame in frames]
                yield PairFiles(name, *self.where, self.file, self.taken, frames[0].time - start, held)
        finally:
            self.close()
            log.info("%s", self.status())

    def load(self, pair: PairFiles) -> tuple[Image, Image]:
        """Return both views of a pair."""
        first, *second = (np.asarray(cv2.cvtColor(view, cv2.COLOR_BGR2RGB), np.uint8) for view in pair.held)
        return (first, second[0]) if second else split_views(first, self.layout, pair.left)

    def status(self) -> str:
        """Return frames per second, and the share of them that was dropped, in words."""
        arrived = max(self.devices[0].frame.number - self.before, self.taken, 1)
        rate = 1 / (self.devices[0].interval or np.inf)
        dropped = 1 - self.taken / arrived
        return f"live: {rate:.1f} frames/s, {self.taken} of {arrived} matched, {dropped:.0%} dropped"

    def close(self) -> None:
        """End the threads and close the cameras."""
        for device in self.devices:
            device.closed = True
        for device in self.devices:
            device.thread.join(timeout=1)

    def _wait(self) -> list[_Frame] | None:
        """Wait for a pair newer than the last one; None once a video in the place of a camera has ended."""
        begun = time.monotonic()
        with self.news:
            while True:
                frames, now = [device.frame for device in self.devices], time.monotonic()
                intervals, times = [d.interval for d in self.devices], [frame.time for frame in frames]
                within = max(intervals) / 2 if self.tolerance is None else self.tolerance
                new = all(frame.number > used for frame, used in zip(frames, self._used, strict=True))
                # Of two that are farther apart, the next one of the earlier camera is nearer.
                if new and max(times) - min(times) <= within:
                    return frames
                for device in self.devices:
                    last = max(begun, device.frame.time) if device.frame.number else begun + self.patience
                    if device.error:
                        raise DataError(f"{device.label}: {device.error}")
                    if device.over:
                        return None
                    if now - last > self.patience:  # and as much again for a camera to start
                        raise DataError(
                            f"{device.label}: no frame for {self.patience:g} s, is it still there?"
                        )
                if now - begun > 2 * self.patience:
                    labels = " and ".join(device.label for device in self.devices)
                    raise DataError(f"{labels}: no frames that arrive within sync_tolerance of each other")
                self.news.wait(0.1)
