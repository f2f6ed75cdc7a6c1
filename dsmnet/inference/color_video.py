"""The color maps of a sequence as a video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2

from dsmnet.atomic import WriteError, atomic_write
from dsmnet.errors import UserError
from dsmnet.io import read_image
from dsmnet.options import check_number
from dsmnet.types import Image

NAME = "color.mp4"


def check_color_video(fps: float | None, limits: Sequence[float] | None) -> None:
    """Refuse a video whose colors would stand for other disparities in every frame."""
    if fps is None:
        return
    check_number("color_video", fps, above=0, most=1000, unit="frames per second")
    if limits is None:
        raise UserError(f"color_video={fps} needs fixed colors: expected limits=[low,high] in pixels as well")


class ColorVideo:
    """The file color.mp4 (MPEG-4 part 2) while it is written; it is complete once it is closed.

    Args:
        part: Path to write to.
        path: Path in messages.
        fps: Frames per second.
    """

    def __init__(self, part: Path, path: Path, fps: float) -> None:
        self.part, self.path, self.fps = part, path, fps
        self.size, self.frames = (0, 0), 0
        self._writer: cv2.VideoWriter | None = None

    def add(self, picture: Image, name: str, time: float | None = None) -> None:
        """Add a picture, RGB; at a `time` (seconds) it is repeated until then, so that it keeps the pace.

        Raises:
            UserError: It is of another size than the first, or OpenCV cannot write the file.
        """
        height, width = picture.shape[:2]
        if self._writer is None:
            self.size = (height, width)
            code, even_size = cv2.VideoWriter.fourcc(*"mp4v"), (width + width % 2, height + height % 2)
            self._writer = cv2.VideoWriter(str(self.part), cv2.CAP_FFMPEG, code, self.fps, even_size)
            if not self._writer.isOpened():
                raise UserError(f"color_video={self.fps}: {self.path} cannot be written by this OpenCV")
        if (height, width) != self.size:
            raise UserError(
                f"color_video={self.fps}: {name} is of size {(height, width)}, the first picture of "
                f"{self.size}; a video has one (height, width)"
            )
        # The format has even sizes: of odd ones the border is repeated.
        even = cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        even = cv2.cvtColor(even, cv2.COLOR_RGB2BGR)
        due = self.frames + 1 if time is None else max(round(time * self.fps), self.frames + 1)
        while self.frames < due:
            self._writer.write(even)
            self.frames += 1

    def close(self) -> None:
        """Complete the file; a `WriteError` where it is not whole."""
        if self._writer is not None:
            self._writer.release()
            if cv2.VideoCapture(str(self.part)).get(cv2.CAP_PROP_FRAME_COUNT) != self.frames:
                raise WriteError(f"{self.path}: cannot be written, the video is not whole; is the disk full?")


def write_color_video(folder: Path, names: Sequence[str], fps: float) -> Path:
    """Put ``NAME_color.png`` of these names, in order, into color.mp4; return its path.

    A name without a picture is left out.

    Raises:
        UserError: A picture is of another size than the first, or OpenCV cannot write the file.
    """
    path = folder / NAME
    pictures = [file for name in names if (file := folder / f"{name}_color.png").is_file()]
    if not pictures:
        return path
    with atomic_write(path) as part:
        video = ColorVideo(part, path, fps)
        for file in pictures:
            video.add(read_image(file), file.name)
        video.close()
    return path
