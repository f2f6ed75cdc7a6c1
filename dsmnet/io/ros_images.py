"""Images as ROS messages hold them: sensor_msgs/Image and sensor_msgs/CompressedImage."""

from __future__ import annotations

import re
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import FormatError, shown
from dsmnet.io.decoding import check_size, decoding
from dsmnet.io.images import decode_color

_CHANNELS = {"mono": 1, "rgb": 3, "bgr": 3, "rgba": 4, "bgra": 4}
_TO_RGB = {
    "mono": cv2.COLOR_GRAY2RGB,
    "bgr": cv2.COLOR_BGR2RGB,
    "rgba": cv2.COLOR_RGBA2RGB,
    "bgra": cv2.COLOR_BGRA2RGB,
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "yuyv": cv2.COLOR_YUV2RGB_YUY2,
}
_OTHER_NAMES = {
    **{"8UC1": "mono8", "8UC3": "bgr8", "8UC4": "bgra8"},
    **{"16UC1": "mono16", "16UC3": "bgr16", "16UC4": "bgra16"},
    **{"yuv422": "uyvy8", "uyvy": "uyvy8", "yuv422_yuy2": "yuyv8", "yuyv": "yuyv8"},
}
_KNOWN = re.compile(
    r"(?P<kind>mono|rgba?|bgra?|bayer_(?P<pattern>rggb|bggr|gbrg|grbg)|uyvy|yuyv)(?P<bits>8|16)"
)


def decode_message(message: Any, where: str) -> NDArray[Any]:
    """Return the pixels of a sensor_msgs/Image or CompressedImage, RGB [H, W, 3], uint8 or uint16.

    Args:
        message: Message, with its fields by their names.
        where: Bag and topic, for messages.

    Raises:
        FormatError: It is no image, or broken.
    """
    if hasattr(message, "format"):
        form = message.format
        if "compresseddepth" in form.lower():
            raise FormatError(f"{where}: format {shown(form)} is one of depth, where an image was expected")
        pixels = decode_color(message.data.tobytes(), where)
        # "bayer_rggb8; png compressed" is the mosaic itself, "bayer_rggb8; jpeg compressed bgr8" has colors.
        mosaic = re.match(r"bayer_(rggb|bggr|gbrg|grbg)\d+;.*compressed\s*(bayer|$)", form)
        return _demosaic(np.ascontiguousarray(pixels[..., 0]), mosaic[1]) if mosaic else pixels
    encoding, size, data = message.encoding, (message.height, message.width), message.data
    known = _KNOWN.fullmatch(_OTHER_NAMES.get(encoding, encoding))
    if known is None:
        raise FormatError(
            f"{where}: encoding {shown(encoding)}; expected one of images, such as mono8 or rgb8"
        )
    check_size(*size, where)
    kind, bits = known["kind"], int(known["bits"])
    channels = _CHANNELS.get(kind, 2 if kind in ("uyvy", "yuyv") else 1)
    row = size[1] * channels * bits // 8
    step = message.step or row  # bytes from one row to the next
    # Some drivers leave out the padding after the last row.
    if step < row or data.size < step * (size[0] - 1) + row:
        raise FormatError(
            f"{where}: {data.size} bytes in rows of {step}; {size[1]}x{size[0]} of {encoding} were expected"
        )
    with decoding(where, f"not an image of {encoding}"):
        rows = np.ascontiguousarray(np.ndarray((size[0], row), np.uint8, data, strides=(step, 1)))
        stored = rows.view(f"{'>' if message.is_bigendian else '<'}u{bits // 8}")
        pixels = stored.astype(f"u{bits // 8}", copy=False).reshape(*size, channels)
        if known["pattern"]:
            return _demosaic(pixels[..., 0], known["pattern"])
        return np.asarray(cv2.cvtColor(pixels, _TO_RGB[kind])) if kind in _TO_RGB else pixels


def _demosaic(mosaic: NDArray[Any], pattern: str) -> NDArray[Any]:
    return np.asarray(cv2.cvtColor(mosaic, getattr(cv2, f"COLOR_Bayer{pattern.upper()}2RGB")))
