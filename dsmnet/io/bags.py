"""Stereo pairs in ROS 1 and ROS 2 bags, read as a stream, without ROS."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dsmnet.errors import DataError, UserError, count
from dsmnet.io.decoding import decoding
from dsmnet.io.entries import Entries
from dsmnet.io.images import views_to_eight_bits
from dsmnet.io.pairs import PairFiles, PairSource
from dsmnet.io.rigs.ros_rig import read_ros
from dsmnet.io.ros_images import decode_message
from dsmnet.io.stated_cameras import ideal
from dsmnet.io.synchronise import Synchroniser, TimedFrame
from dsmnet.types import Image

log = logging.getLogger(__name__)

SYNC_TOLERANCE = 0.01  # seconds; cameras with a common trigger are within a millisecond
_IMAGE, _COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
_INFO = ("width", "height", "distortion_model")
_SIDES = (
    *(("left", "right"), ("cam0", "cam1"), ("cam_0", "cam_1"), ("camera0", "camera1")),
    *(("camera_0", "camera_1"), ("infra1", "infra2"), ("Infrared_1", "Infrared_2")),
)


def is_bag(where: object) -> bool:
    """Say whether an option names a bag: a .bag, .mcap or .db3 file, or a folder with a metadata.yaml."""
    if not isinstance(where, str):
        return False
    path = Path(where).expanduser()
    return path.suffix.lower() in (".bag", ".mcap", ".db3") or (path / "metadata.yaml").is_file()


class BagPairs(PairSource):
    """Pairs of two image topics, those that are nearest in time, decoded one by one.

    Times are those of the messages' headers, or of recording where these have none.

    Args:
        path: A ROS 1 .bag, a ROS 2 folder, .mcap or .db3.
        left_topic: Topic of the left view; None where the names of the image topics tell.
        right_topic: Topic of the right view, likewise.
        tolerance: Longest time between the views of a pair, seconds.
        file: Calibration file of all pairs; without it, camera_info in the bag is read.

    Attributes:
        calibration: Calibration by camera_info of images that are rectified, else None.
        rig: Both cameras by camera_info of images that are not rectified, else None.

    Raises:
        DataError: The bag cannot be read, or has no such topics; the message lists the image topics.
    """

    def __init__(
        self,
        path: Path,
        left_topic: str | None = None,
        right_topic: str | None = None,
        tolerance: float | None = None,
        file: Path | None = None,
    ) -> None:
        self.path, self.file = path, file
        self.tolerance = SYNC_TOLERANCE if tolerance is None else tolerance
        self._info_size: tuple[int, int] | None = None
        with self._open() as bag:
            kinds = {c.topic: c.msgtype for c in bag.connections}
            images = sorted(topic for topic, kind in kinds.items() if kind in (_IMAGE, _COMPRESSED))
            self.topics = _choose_topics(path, images, left_topic, right_topic)
            counts = [sum(c.msgcount for c in bag.connections if c.topic == topic) for topic in self.topics]
            self._most = min(counts)
            first, second = (self._first_info(bag, topic) for topic in self.topics)
            if file is None and first is not None and second is not None:
                self._calibrate(first, second)

    def __length_hint__(self) -> int:
        return self._most

    def __iter__(self) -> Iterator[PairFiles]:
        synchroniser, number = Synchroniser(self.tolerance), 0
        with self._open() as bag:
            frames = (
                TimedFrame(self.topics.index(topic), time, message)
                for topic, time, message in self._messages(bag, self.topics)
            )
            for number, (left, right) in enumerate(synchroniser.pairs(frames), 1):
                name = f"{self.path.stem}_{number:06d}"
                held = (left.content, right.content)
                yield PairFiles(name, self.path, self.path, self.file, number, left.time / 1e9, held)
        if number == 0:
            gap = synchroniser.nearest
            nearest = "one of them has none" if gap is None else f"the nearest are {gap:.3g} s apart"
            raise DataError(
                f"{self.path}: no images of {self.topics[0]} and {self.topics[1]} within "
                f"sync_tolerance={self.tolerance:g} s of each other; {nearest}"
            )
        if any(synchroniser.dropped):
            log.warning(
                "%s: %s; dropped without a partner within %g s: %d left, %d right",
                *(self.path, count(number, "pair"), self.tolerance, *synchroniser.dropped),
            )

    def load(self, pair: PairFiles) -> tuple[Image, Image]:
        """Decode both views of a pair."""
        views = [
            decode_message(message, f"{self.path} {topic}")
            for message, topic in zip(pair.held, self.topics, strict=True)
        ]
        if self._info_size not in (None, views[0].shape[:2]):
            raise DataError(
                f"{self.path}: camera_info is for (height, width) {self._info_size}, but the images have "
                f"{views[0].shape[:2]}; expected calib=FILE"
            )
        first, second = views_to_eight_bits(views, self.path)
        return first, second

    @contextmanager
    def _open(self) -> Iterator[Any]:
        """The bag's reader of rosbags; what it cannot read is the file's fault."""
        try:
            from rosbags.rosbag1 import Reader as Reader1
            from rosbags.rosbag2 import Reader as Reader2
        except ImportError:
            raise UserError(f"left={self.path}: bags need rosbags; pip install 'dsmnet[bags]'") from None
        if not self.path.exists():
            raise DataError(f"left={self.path}: no such file or folder")
        first = self.path.suffix.lower() == ".bag" and not self.path.is_dir()
        with decoding(self.path, f"cannot be read as a ROS {1 if first else 2} bag"):
            bag: Any = Reader1(self.path) if first else Reader2(self.path)
            bag.open()
        try:
            yield bag
        finally:
            bag.close()

    def _messages(self, bag: Any, topics: Iterable[str]) -> Iterator[tuple[str, int, Any]]:
        """Yield topic, time in nanoseconds and message, in the order in which they were recorded."""
        from rosbags.typesys import Stores, get_typestore

        # The definitions in the bag are a stranger's, and these messages have the same ones everywhere.
        first = type(bag).__module__.startswith("rosbags.rosbag1")
        store = get_typestore(Stores.ROS1_NOETIC if first else Stores.ROS2_HUMBLE)
        parse = store.deserialize_ros1 if first else store.deserialize_cdr
        messages = bag.messages([c for c in bag.connections if c.topic in topics])
        while True:
            with decoding(self.path, "broken, what follows is not read"):
                entry = next(messages, None)
                if entry is None:
                    return
                connection, time, data = entry
                message: Any = parse(data, connection.msgtype)
                stamp = message.header.stamp
                time = stamp.sec * 10**9 + stamp.nanosec or time
            yield connection.topic, time, message

    def _first_info(self, bag: Any, topic: str) -> Entries | None:
        beside = re.sub(r"/compressed$", "", topic).rpartition("/")[0] + "/camera_info"
        if not any(c.topic == beside and c.msgtype.endswith("/CameraInfo") for c in bag.connections):
            return None
        _, _, info = next(self._messages(bag, [beside]), (None, None, None))
        if info is None:
            return None
        names = [name for name in (*_INFO, *"DKRPdkrp") if hasattr(info, name)]
        fields = [getattr(info, name) for name in names]
        plain = [field.tolist() if hasattr(field, "tolist") else field for field in fields]
        return Entries(self.path, dict(zip(names, plain, strict=True)), f"{beside} ")

    def _calibrate(self, left: Entries, right: Entries) -> None:
        first, second = (info.numbers(info.name("P", "p"), 12)[[3, 7]] for info in (left, right))
        if (first == second).all():
            log.warning("%s: camera_info states no baseline, so that there is no depth", self.path)
            return
        stated = read_ros(left, right, None)
        assert stated.rig is not None
        self._info_size = stated.rig.left.size
        named = all("image_rect" in topic or "rect" in topic.rpartition("/")[2] for topic in self.topics)
        if named or ideal(stated.rig) is not None:
            self.calibration = stated.rectified
        else:
            self.rig = stated.rig
            log.warning("%s: by their camera_info, these images are not rectified", self.path)


def _choose_topics(path: Path, images: list[str], left: str | None, right: str | None) -> tuple[str, str]:
    """Return the topics of both views, those given or the only pair whose names say left and right."""
    candidates = {
        (first, second)
        for first in images
        for sides in _SIDES
        if sides[0] in first and (second := first.replace(*sides)) in images
    }
    candidates = {pair for pair in candidates if left in (None, pair[0]) and right in (None, pair[1])}
    if left is not None and right is not None:
        candidates = {(left, right)} if left in images and right in images and left != right else set()
    if len(candidates) != 1:
        given = f"left_topic={left or 'null'} right_topic={right or 'null'}"
        raise DataError(
            f"{path}: {given}: expected two of its image topics: {', '.join(images) or 'it has none'}"
        )
    return candidates.pop()
