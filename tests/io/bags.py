"""Bags written by the tests, with rosbags."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

IMAGE, COMPRESSED, INFO = (f"sensor_msgs/msg/{name}" for name in ("Image", "CompressedImage", "CameraInfo"))


class Entry(NamedTuple):
    topic: str
    time: float  # of recording, seconds
    kind: str
    fields: dict[str, Any]
    stamp: float | None = None  # of the header; None: that of recording


def image(picture: np.ndarray, encoding: str = "rgb8", padding: int = 0, big: bool = False) -> dict[str, Any]:
    """Fields of an Image; the picture has the channels of its encoding."""
    stored = picture.astype(picture.dtype.newbyteorder(">" if big else "<"))
    rows = np.ascontiguousarray(stored).view(np.uint8).reshape(len(picture), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    sizes = {"height": picture.shape[0], "width": picture.shape[1], "step": rows.shape[1]}
    return {**sizes, "encoding": encoding, "is_bigendian": int(big), "data": rows.ravel()}


def compressed(picture: np.ndarray, suffix: str = ".png") -> dict[str, Any]:
    data = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    return {"format": f"rgb8; {suffix[1:]} compressed bgr8", "data": data.ravel()}


def camera_info(focal: float, shift: float, size: tuple[int, int], d: Iterable[float] = ()) -> dict[str, Any]:
    height, width = size
    cx, cy = (width - 1) / 2, (height - 1) / 2
    k = np.array([focal, 0, cx, 0, focal, cy, 0, 0, 1], np.float64)
    p = np.array([focal, 0, cx, -focal * shift, 0, focal, cy, 0, 0, 0, 1, 0], np.float64)
    numbers = {"D": np.array([*d], np.float64), "K": k, "R": np.eye(3).ravel(), "P": p}
    return {"height": height, "width": width, "distortion_model": "plumb_bob", **numbers}


def write_bag(path: Path, entries: Iterable[Entry], storage: str = "sqlite3") -> Path:
    """Write a ROS 1 bag where the path ends in .bag, else a ROS 2 bag: a folder."""
    from rosbags.rosbag1 import Writer as Writer1
    from rosbags.rosbag2 import StoragePlugin
    from rosbags.rosbag2 import Writer as Writer2
    from rosbags.typesys import Stores, get_typestore

    first = path.suffix == ".bag"
    store = get_typestore(Stores.ROS1_NOETIC if first else Stores.ROS2_HUMBLE)
    plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
    with Writer1(path) if first else Writer2(path, version=9, storage_plugin=plugin) as writer:
        connections: dict[str, Any] = {}
        for topic, time, kind, fields, stamp in entries:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=store)
            now = round((time if stamp is None else stamp) * 1e9)
            types = store.types
            clock = types["builtin_interfaces/msg/Time"](now // 10**9, now % 10**9)
            sequence = {"seq": 0} if first else {}
            fields = {**fields, "header": types["std_msgs/msg/Header"](**sequence, stamp=clock, frame_id="x")}
            if kind == INFO:
                roi = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
                fields |= {"binning_x": 0, "binning_y": 0, "roi": roi}
                if not first:
                    fields = {name.lower() if len(name) == 1 else name: v for name, v in fields.items()}
            message = types[kind](**fields)
            write = store.serialize_ros1 if first else store.serialize_cdr
            writer.write(connections[topic], round(time * 1e9), write(message, kind))
    return path
