"""Where pairs come from: image files, or the frames of videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from dsmnet.errors import UserError
from dsmnet.inference.batch import Views, read_views
from dsmnet.io.pairs import CALIBRATION_SUFFIXES, PairFiles, find_files, pair_files
from dsmnet.io.video import VideoPairs, is_video


def pair_source(
    left: str | Sequence[str],
    right: str | Sequence[str] | None,
    calib: str | Sequence[str] | None = None,
    layout: str = "separate",
) -> tuple[list[PairFiles], Callable[[PairFiles], Views]]:
    """Return the pairs that the options name, and what reads the views of one.

    Args:
        left: The left view(s): see `pair_files`, or a video.
        right: The right view(s), None where `left` is a video with both.
        calib: One calibration file for all, or, of images, one for each pair.
        layout: see `VideoPairs`.

    Raises:
        DataError: A file is not there, or not what it should be.
        UserError: The options do not go together.
    """
    if is_video(left) and (right is None or is_video(right)):
        return _frames(str(left), None if right is None else str(right), calib, layout)
    if is_video(left) or is_video(right):
        raise UserError(f"left={left} right={right}: expected two videos, or images on both sides")
    if layout != "separate" or right is None:
        raise UserError(
            f"layout={layout} right={right}: expected images on both sides; only a video can hold both "
            "views, with layout=side_by_side right=null"
        )
    return pair_files(left, right, calib), read_views


def _frames(
    left: str, right: str | None, calib: str | Sequence[str] | None, layout: str
) -> tuple[list[PairFiles], Callable[[PairFiles], Views]]:
    calibration: Path | None = None
    if calib is not None:
        found = find_files(calib, "calib", CALIBRATION_SUFFIXES)
        if len(found) != 1:
            raise UserError(f"calib={calib} holds {len(found)} files: expected one for all frames of a video")
        calibration = found[0]
    videos = VideoPairs(left, right, calibration, layout)
    return videos.pairs, videos.load
