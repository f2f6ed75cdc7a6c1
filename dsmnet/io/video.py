"""Two videos of a stereo camera, or one with both views side by side, as pairs of frames."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dsmnet.errors import DataError, UserError
from dsmnet.io.decoding import check_size
from dsmnet.io.pairs import PairFiles
from dsmnet.types import Image

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv")
_LEAST_BYTES = 8  # of a frame in a file; one in which nothing moves takes some 20
LAYOUTS = ("separate", "side_by_side")


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


class VideoPairs:
    """The frames of two videos that belong together, or the halves of one.

    With ``layout=side_by_side``, `right` is None and the left half of a frame of `left` the left view.
    """

    def __init__(
        self, left: str, right: str | None, calibration: Path | None = None, layout: str = "separate"
    ) -> None:
        if layout not in LAYOUTS:
            raise UserError(f"layout={layout}: expected one of {', '.join(LAYOUTS)}")
        if (layout == "side_by_side") != (right is None):
            raise UserError(
                f"layout={layout} right={right}: expected two videos with layout=separate, or right=null "
                "with layout=side_by_side"
            )
        self.left = Video(Path(left).expanduser(), "left")
        self.right = None if right is None else Video(Path(right).expanduser(), "right")
        frames = self.left.frames
        if self.right is not None and self.right.frames != frames:
            frames = min(frames, self.right.frames)
            log.warning(
                "%s has %d frames and %s %d: the first %d are matched",
                *(self.left.path, self.left.frames, self.right.path, self.right.frames, frames),
            )
        other = self.left.path if self.right is None else self.right.path
        self.pairs = [
            PairFiles(f"{self.left.path.stem}_{number:06d}", self.left.path, other, calibration, number)
            for number in range(1, frames + 1)
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
        if self.right is not None:
            return left, self.right.frame(number)
        width = left.shape[1]
        if width % 2:
            raise DataError(f"{pair.left}: a width of {width} cannot be halved into two views")
        return left[:, : width // 2].copy(), left[:, width // 2 :].copy()
