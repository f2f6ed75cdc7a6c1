"""Sources of pairs: image files, the frames of videos, bags and cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from dsmnet.errors import UserError
from dsmnet.io.bags import BagPairs, is_bag
from dsmnet.io.cameras import belong_together
from dsmnet.io.images import read_image, read_views
from dsmnet.io.live import LivePairs, is_camera
from dsmnet.io.pairs import (
    CALIBRATION_SUFFIXES,
    PairFiles,
    PairSource,
    check_layout,
    find_files,
    pair_files,
    split_views,
)
from dsmnet.io.video import VideoPairs, is_video
from dsmnet.options import check_number
from dsmnet.types import Image


class ImagePairs(list[PairFiles], PairSource):
    """Pairs of image files; with a `layout` other than ``separate``, a file holds both views."""

    layout = "separate"

    def load(self, pair: PairFiles) -> tuple[Image, Image]:
        """Read both images, or the halves of one."""
        if self.layout == "separate":
            return read_views(pair.left, pair.right)
        return split_views(read_image(pair.left), self.layout, pair.left)


def holds_both(left: object, layout: str) -> bool:
    """Whether `left` names both views, so that there is no `right`."""
    return layout != "separate" or is_bag(left)


def source_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options among those of a tool that `pair_source` takes."""
    return {name: options[name] for name in signature(pair_source).parameters if name in options}


def pair_source(
    left: str | Sequence[str],
    right: str | Sequence[str] | None = None,
    calib: str | Sequence[str] | None = None,
    layout: str = "separate",
    left_topic: str | None = None,
    right_topic: str | None = None,
    sync_tolerance: float | None = None,
    camera: Mapping[str, float | None] | None = None,
) -> PairSource:
    """Return the pairs that the options name.

    Args:
        left: Left view(s), as in `pair_files`, a video, a bag, or a camera.
        right: Right view(s), None where `left` holds both.
        calib: One calibration for all, in as many files as it has, or, of images, a file for each pair.
        layout: Arrangement of the views in one picture, as in `split_views`.
        left_topic: Topic of a bag, as in `BagPairs`.
        right_topic: Likewise.
        sync_tolerance: Longest time between the views of a pair, seconds, of a bag or of two cameras.
        camera: Size and rate that cameras are asked for, as in `open_camera`.

    Raises:
        DataError: A file is not there, or not what it should be.
        UserError: The options do not go together.
    """
    if sync_tolerance is not None:
        check_number("sync_tolerance", sync_tolerance, least=0, unit="seconds")
    kind = next((kind for kind in (is_bag, is_camera, is_video) if kind(left) or kind(right)), None)
    if kind is not is_bag and (left_topic or right_topic):
        raise UserError(f"left_topic={left_topic} right_topic={right_topic}: left={left} is no bag")
    if kind is is_bag and (right not in (None, left) or layout != "separate"):
        raise UserError(
            f"left={left} right={right} layout={layout}: of a bag expected right=null, layout=separate"
        )
    if kind in (is_camera, is_video) and not (kind(left) and (right is None or kind(right))):
        raise UserError(
            f"left={left} right={right}: expected two videos, or images on both sides, or two cameras"
        )
    files = [] if calib is None else find_files(calib, "calib", CALIBRATION_SUFFIXES)
    parts = files[1:] if len(files) == 2 and belong_together(files) else []
    if kind is not None and len(files) - len(parts) > 1:
        raise UserError(
            f"calib={calib} holds {len(files)} files: expected one for all frames of a video or stream"
        )
    file, views = (files[0] if files else None), (str(left), None if right is None else str(right))
    source: PairSource
    if kind is is_bag:
        source = BagPairs(Path(views[0]).expanduser(), left_topic, right_topic, sync_tolerance, file)
    elif kind is is_camera:
        source = LivePairs(*views, layout, file, sync_tolerance, camera or {})
    elif kind is is_video:
        source = VideoPairs(*views, file, layout)
    else:
        halves = check_layout(layout, right, "images")
        second = left if halves or right is None else right
        source = ImagePairs(pair_files(left, second, str(file) if parts else calib))
        source.layout = layout
    source.calibration_parts = parts
    return source
