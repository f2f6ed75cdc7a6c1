"""Sources of pairs: image files, or the frames of videos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from dsmnet.errors import UserError
from dsmnet.io.images import read_views
from dsmnet.io.pairs import CALIBRATION_SUFFIXES, PairFiles, find_files, pair_files
from dsmnet.io.video import VideoPairs, is_video
from dsmnet.types import Image


class PairSource(Protocol):
    """Pairs in their order, and the views of each."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[PairFiles]: ...

    def load(self, pair: PairFiles) -> tuple[Image, Image]:
        """Return both views of a pair; pairs are asked for in their order."""


class ImagePairs(list[PairFiles]):
    """Pairs of image files."""

    def load(self, pair: PairFiles) -> tuple[Image, Image]:
        """Read both images."""
        return read_views(pair.left, pair.right)


def pair_source(
    left: str | Sequence[str],
    right: str | Sequence[str] | None,
    calib: str | Sequence[str] | None = None,
    layout: str = "separate",
) -> PairSource:
    """Return the pairs that the options name.

    Args:
        left: Left view(s), as in `pair_files`, or a video.
        right: Right view(s), None where `left` is a video with both.
        calib: One calibration file for all, or, of images, one for each pair.
        layout: Arrangement of the views in a video, as in `VideoPairs`.

    Raises:
        DataError: A file is not there, or not what it should be.
        UserError: The options do not go together.
    """
    if is_video(left) and (right is None or is_video(right)):
        found = [] if calib is None else find_files(calib, "calib", CALIBRATION_SUFFIXES)
        if calib is not None and len(found) != 1:
            raise UserError(f"calib={calib} holds {len(found)} files: expected one for all frames of a video")
        calibration = found[0] if found else None
        return VideoPairs(str(left), None if right is None else str(right), calibration, layout)
    if is_video(left) or is_video(right):
        raise UserError(f"left={left} right={right}: expected two videos, or images on both sides")
    if layout != "separate" or right is None:
        raise UserError(
            f"layout={layout} right={right}: expected images on both sides; only a video can hold both "
            "views, with layout=side_by_side right=null"
        )
    return ImagePairs(pair_files(left, right, calib))
