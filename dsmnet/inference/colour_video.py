"""The colour maps of a sequence as a video."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2

from dsmnet.data.formats import read_image
from dsmnet.errors import UserError

NAME = "colour.mp4"


def check_colour_video(fps: float | None, limits: Sequence[float] | None) -> None:
    """Refuse a video whose colours would mean something else in every frame.

    Raises:
        UserError: `fps` is no positive number, or there are no `limits`.
    """
    if fps is None:
        return
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps <= 1000:
        raise UserError(f"colour_video={fps}: expected frames per second, as in colour_video=10, or null")
    if limits is None:
        raise UserError(
            f"colour_video={fps} needs fixed colours: expected limits=[low,high] in pixels as well"
        )


def write_colour_video(folder: Path, names: Sequence[str], fps: float) -> Path:
    """Put ``NAME_colour.png`` of these names, in order, into colour.mp4 (MPEG-4 part 2); return its path.

    A name without a picture is left out.

    Raises:
        UserError: a picture is of another size than the first, or OpenCV cannot write the file.
    """
    path, half = folder / NAME, folder / f".part-{NAME}"
    writer, size = None, None
    try:
        for name in names:
            if not (folder / f"{name}_colour.png").is_file():
                continue
            picture = read_image(folder / f"{name}_colour.png")
            if writer is None:
                size = picture.shape
                code = cv2.VideoWriter.fourcc(*"mp4v")
                writer = cv2.VideoWriter(str(half), code, fps, (size[1] + size[1] % 2, size[0] + size[0] % 2))
                if not writer.isOpened():
                    raise UserError(f"colour_video={fps}: {path} cannot be written by this OpenCV")
            if picture.shape != size:
                raise UserError(
                    f"colour_video={fps}: {name}_colour.png is of size {picture.shape[:2]}, the first "
                    f"picture of {size and size[:2]}; a video has one (height, width)"
                )
            # The format has even sizes: of odd ones the border is repeated.
            even = cv2.copyMakeBorder(picture, 0, size[0] % 2, 0, size[1] % 2, cv2.BORDER_REPLICATE)
            writer.write(cv2.cvtColor(even, cv2.COLOR_RGB2BGR))
        if writer is not None:
            writer.release()
            os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)
    return path
