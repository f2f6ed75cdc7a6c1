"""The color maps of a sequence as a video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2

from dsmnet.atomic import WriteError, atomic_write
from dsmnet.errors import UserError
from dsmnet.io import read_image
from dsmnet.options import check_number

NAME = "color.mp4"


def check_color_video(fps: float | None, limits: Sequence[float] | None) -> None:
    """Refuse a video whose colors would stand for other disparities in every frame."""
    if fps is None:
        return
    check_number("color_video", fps, above=0, most=1000, unit="frames per second")
    if limits is None:
        raise UserError(f"color_video={fps} needs fixed colors: expected limits=[low,high] in pixels as well")


def write_color_video(folder: Path, names: Sequence[str], fps: float) -> Path:
    """Put ``NAME_color.png`` of these names, in order, into color.mp4 (MPEG-4 part 2); return its path.

    A name without a picture is left out.

    Raises:
        UserError: A picture is of another size than the first, or OpenCV cannot write the file.
    """
    path = folder / NAME
    pictures = [file for name in names if (file := folder / f"{name}_color.png").is_file()]
    if not pictures:
        return path
    height, width = size = read_image(pictures[0]).shape[:2]
    with atomic_write(path) as part:
        code, even_size = cv2.VideoWriter.fourcc(*"mp4v"), (width + width % 2, height + height % 2)
        writer = cv2.VideoWriter(str(part), cv2.CAP_FFMPEG, code, fps, even_size)
        if not writer.isOpened():
            raise UserError(f"color_video={fps}: {path} cannot be written by this OpenCV")
        for file in pictures:
            picture = read_image(file)
            if picture.shape[:2] != size:
                raise UserError(
                    f"color_video={fps}: {file.name} is of size {picture.shape[:2]}, the first picture of "
                    f"{size}; a video has one (height, width)"
                )
            # The format has even sizes: of odd ones the border is repeated.
            even = cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
            writer.write(cv2.cvtColor(even, cv2.COLOR_RGB2BGR))
        writer.release()
        if cv2.VideoCapture(str(part)).get(cv2.CAP_PROP_FRAME_COUNT) != len(pictures):
            raise WriteError(f"{path}: cannot be written, the video is not whole; is the disk full?")
    return path
