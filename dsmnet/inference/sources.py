"""Sources of pairs: image files, the frames of videos, bags and cameras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from dsmnet.errors import UserError
from dsmnet.io.bags import BagPairs, is_bag
from dsmnet.io.cameras import belong_together
from dsmnet.io.images import read_image, read_views
from dsmnet.io.live import CameraOptions, LivePairs, is_camera
from dsmnet.io.pairs import CALIBRATION_SUFFIXES, PairFiles, find_files, pair_files
from dsmnet.io.video import VideoPairs, is_video
from dsmnet.io.view_halves import check_layout, split_views
from dsmnet.options import check_number
from dsmnet.types import Calibration, Image, StereoRig


class PairSource(Protocol):
    """Pairs in their order, and the views of each.

    One that has a length can be gone through at once; another is a stream, whose pairs are loaded as they
    come. `operator.length_hint` says how many there may be, 0 where nobody knows.

    Attributes:
        live: Whether pairs that nobody asks for are lost, so that reading ahead makes them old.
        calibration: Calibration of all pairs that the source itself states.
        rig: Cameras of all pairs, where it states that they are raw.
        calibration_parts: Files that a calibration of all pairs has beside its first one.
    """

    live: bool
    calibration: Calibration | None
    rig: StereoRig | None
    calibration_parts: Sequence[Path]

    def __iter__(self) -> Iterator[PairFiles]: ...

    def load(self, pair: PairFiles) -> tuple[Image, Image]:
        """Return both views of a pair; pairs are asked for in their order."""


class ImagePairs(list[PairFiles]):
    """Pairs of image files; with a `layout` other than ``separate``, a file holds both views."""

    live = False
    calibration: Calibration | None = None
    rig: StereoRig | None = None
    calibration_parts: Sequence[Path] = ()
    layout = "separate"

    def load(self, pair: PairFiles) -> tuple[Image, Image]:
        """Read both images, or the halves of one."""
        if self.layout == "separate":
            return read_views(pair.left, pair.right)
        return split_views(read_image(pair.left), self.layout, pair.left)


class StreamOptions(NamedTuple):
    """Options of bags and cameras."""

    left_topic: str | None = None
    right_topic: str | None = None
    sync_tolerance: float | None = None  # seconds; None: see `BagPairs` and `LivePairs`
    camera: CameraOptions = CameraOptions()

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> StreamOptions:
        """Return those among the options of a tool."""
        names = ("left_topic", "right_topic", "sync_tolerance")
        return cls(
            **{name: options[name] for name in names}, camera=CameraOptions(**options.get("camera", {}))
        )


def holds_both(left: object, layout: str) -> bool:
    """Whether `left` names both views, so that there is no `right`."""
    return layout != "separate" or is_bag(left)


def pair_source(
    left: str | Sequence[str],
    right: str | Sequence[str] | None,
    calib: str | Sequence[str] | None = None,
    layout: str = "separate",
    stream: StreamOptions | None = None,
) -> PairSource:
    """Return the pairs that the options name.

    Args:
        left: Left view(s), as in `pair_files`, a video, a bag, or a camera.
        right: Right view(s), None where `left` holds both.
        calib: One calibration for all, in as many files as it has, or, of images, a file for each pair.
        layout: Arrangement of the views in one picture, as in `split_views`.
        stream: Options of bags and cameras.

    Raises:
        DataError: A file is not there, or not what it should be.
        UserError: The options do not go together.
    """
    files = [] if calib is None else find_files(calib, "calib", CALIBRATION_SUFFIXES)
    parts = files[1:] if len(files) in (2, 3) and belong_together(files) else []
    source = _source(left, right, str(files[0]) if parts else calib, layout, stream or StreamOptions())
    source.calibration_parts = parts
    return source


def _source(
    left: str | Sequence[str],
    right: str | Sequence[str] | None,
    calib: str | Sequence[str] | None,
    layout: str,
    stream: StreamOptions,
) -> PairSource:
    tolerance = stream.sync_tolerance
    if tolerance is not None:
        check_number("sync_tolerance", tolerance, least=0, unit="seconds")
    if is_bag(left):
        if right not in (None, left) or layout != "separate":
            raise UserError(
                f"left={left} right={right} layout={layout}: of a bag expected right=null, layout=separate"
            )
        topics = stream.left_topic, stream.right_topic
        return BagPairs(Path(str(left)).expanduser(), *topics, tolerance, _one_calibration(calib))
    if stream.left_topic or stream.right_topic:
        raise UserError(
            f"left_topic={stream.left_topic} right_topic={stream.right_topic}: left={left} is no bag"
        )
    for both, source in ((is_camera, LivePairs), (is_video, VideoPairs)):
        if both(left) and (right is None or both(right)):
            views, file = (str(left), None if right is None else str(right)), _one_calibration(calib)
            if source is VideoPairs:
                return VideoPairs(*views, file, layout)
            return LivePairs(*views, layout, file, tolerance, stream.camera)
        if both(left) or both(right):
            raise UserError(
                f"left={left} right={right}: expected two videos, or images on both sides, or two cameras"
            )
    if not check_layout(layout, right, "images"):
        assert right is not None
        return ImagePairs(pair_files(left, right, calib))
    found = ImagePairs(pair_files(left, left, calib))
    found.layout = layout
    return found


def _one_calibration(calib: str | Sequence[str] | None) -> Path | None:
    found = [] if calib is None else find_files(calib, "calib", CALIBRATION_SUFFIXES)
    if calib is not None and len(found) != 1:
        raise UserError(
            f"calib={calib} holds {len(found)} files: expected one for all frames of a video or stream"
        )
    return found[0] if found else None
