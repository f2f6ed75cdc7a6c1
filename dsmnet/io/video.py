"""Two videos of a stereo camera, or one whose frames hold both views, as pairs of frames."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dsmnet.errors import DataError
from dsmnet.io.decoding import check_size
from dsmnet.io.pairs import PairFiles, PairSource, check_layout, split_views
from dsmnet.types import Image

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv")
_LEAST_BYTES = 8  # of a frame in a file; one in which nothing moves takes some 20


class EndOfVideo(DataError):
    """A frame cannot be decoded, and so none after it."""


def is_video(where: object) -> bool:
    """Say whether an option names a file that is a video by its suffix."""
    return isinstance(where, str) and where.lower().endswith(VIDEO_SUFFIXES)


class Video:
    """A video's frames, in their order; `option` named the file, for messages."""

    def __init__(self, path: Path, option: str) -> None:
        if not path.is_file():
            raise DataError(f"{option}={path}: no such file")
        self.path, self.option, self.position = path, option, 0
        self._capture = self._open()
        self.rate = float(self._capture.get(cv2.CAP_PROP_FPS))  # frames per second
        self.rate = self.rate if 0 < self.rate < 1e5 else 0.0  # unknown
        frames = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        # A header may claim any number: of frames that are not there, the files would all be named.
        plausible = 0 < frames <= path.stat().st_size // _LEAST_BYTES
        self.frames = frames if plausible else self._count()
        if self.frames < 1:
            raise DataError(f"{option}={path}: a video without a frame")

    def frame(self, number: int) -> Image:
        """Return a frame, RGB [H, W, 3], counted from 1; earlier ones than before are not to be had.

        Raises:
            EndOfVideo: It cannot be decoded.
        """
        picture: Any = None
        while self.position < number and self._capture.grab():
            self.position += 1
        if self.position == number:
            _, picture = self._capture.retrieve()
        if picture is None:
            raise EndOfVideo(
                f"{self.path}: frame {number} of {self.frames} cannot be decoded; later ones are not read"
            )
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)

    def _open(self) -> Any:
        capture = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise DataError(f"{self.option}={self.path}: cannot be read as a video")
        height, width = (capture.get(side) for side in (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH))
        check_size(int(height), int(width), self.path)
        return capture

    def _count(self) -> int:
        """Count the frames of a file whose header does not tell their number."""
        capture, frames = self._open(), 0
        while capture.grab():
            frames += 1
        return frames


class VideoPairs(PairSource):
    """The frames of two videos that belong together, or the halves of one.

    Videos of equal rates, or of as many frames, are paired by number. Otherwise each frame of the one with
    fewer frames per second has that of the other which is nearest in time, as if both began at once.

    Args:
        left: Video of the left view, or of both.
        right: Video of the right view; None where `layout` says that `left` holds both.
        calibration: Calibration file of all frames.
        layout: Arrangement of the views, see `split_views`.
    """

    def __init__(
        self, left: str, right: str | None, calibration: Path | None = None, layout: str = "separate"
    ) -> None:
        check_layout(layout, right, "two videos")
        self.layout = layout
        self.left = Video(Path(left).expanduser(), "left")
        self.right = None if right is None else Video(Path(right).expanduser(), "right")
        numbers = [(number, number) for number in range(1, self.left.frames + 1)]
        if self.right is not None:
            numbers = _paired_numbers(self.left, self.right)
        self._of_right = dict(numbers)
        other, rate = (self.right or self.left).path, self.left.rate
        self.pairs = [
            PairFiles(
                f"{self.left.path.stem}_{number:06d}",
                *(self.left.path, other, calibration, number),
                time=(number - 1) / rate if rate else None,
            )
            for number, _ in numbers
        ]

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[PairFiles]:
        return iter(self.pairs)

    def load(self, pair: PairFiles) -> tuple[Image, Image]:
        """Return both views of a frame; frames are to be asked for in their order.

        Raises:
            EndOfVideo: It cannot be decoded.
        """
        number = pair.frame or 0
        left = self.left.frame(number)
        if self.right is None:
            return split_views(left, self.layout, pair.left)
        return left, self.right.frame(self._of_right[number])


def _paired_numbers(left: Video, right: Video) -> list[tuple[int, int]]:
    """Return which frames of two videos belong together, counted from 1; what is special is said."""
    frames, rates = (left.frames, right.frames), (left.rate, right.rate)
    numbers = [(number, number) for number in range(1, min(frames) + 1)]
    drifts = all(rates) and abs(rates[0] / rates[1] - 1) * len(numbers) >= 0.5  # frames, in the end
    how = "matched by number, as there are as many on both sides"
    if drifts and frames[0] != frames[1]:
        slow = 0 if rates[0] < rates[1] else 1
        nearest = (round(number * rates[1 - slow] / rates[slow]) + 1 for number in range(frames[slow]))
        found = [pair for pair in enumerate(nearest, 1) if pair[1] <= frames[1 - slow]]
        numbers = [(pair[slow], pair[1 - slow]) for pair in found]
        how = f"the nearest in time are matched, {len(numbers)} pairs"
    if drifts:
        told = (left.path, frames[0], rates[0], right.path, frames[1], rates[1], how)
        log.warning("%s has %d frames, %g per second, and %s %d, %g per second: %s", *told)
    elif frames[0] != frames[1]:
        names = left.path, frames[0], right.path, frames[1], len(numbers)
        log.warning("%s has %d frames and %s %d: the first %d are matched", *names)
    return numbers
