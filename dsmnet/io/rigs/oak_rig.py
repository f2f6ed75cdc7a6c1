"""OAK cameras: the JSON file that DepthAI makes of a device's EEPROM, in centimetres.

Extrinsics lead from a camera to the one on ``toCameraSocket``: ``x_other = rotationMatrix x + translation``.
"""

from __future__ import annotations

import numpy as np

from dsmnet.io.entries import Entries
from dsmnet.io.stated_cameras import UNITS, Array, Stated, camera, rig
from dsmnet.types import Camera

_LENGTHS = ("m", "cm", "mm")  # lengthUnit of version 3, by number
_LEFT, _RIGHT = 1, 2  # sockets CAM_B and CAM_C, where the file does not say


def read_oak(entries: Entries, unit: str | None) -> Stated:
    """Read the two cameras of the file's stereo pair, as many extrinsics apart as it takes."""
    data = entries.values["cameraData"]
    pairs = data.items() if isinstance(data, dict) else data
    sockets = Entries(entries.path, {str(int(socket)): value for socket, value in pairs}, "cameraData ")
    left, right = _LEFT, _RIGHT
    if "stereoRectificationData" in entries:
        stereo = entries.inside("stereoRectificationData")
        stated = [int(stereo.number(f"{side}CameraSocket")) for side in ("left", "right")]
        left, right = stated if min(stated) >= 0 else (left, right)
    cameras = _camera(sockets.inside(str(left))), _camera(sockets.inside(str(right)))
    # Both lead to the same camera in the end: one of them, or a third.
    lefts_way, rights_way = (_way(sockets, socket, unit) for socket in (left, right))
    meeting = next((socket for socket in lefts_way if socket in rights_way), None)
    entry = sockets.inside(str(left)).inside("extrinsics")
    if meeting is None:
        raise entry.error(
            "toCameraSocket", f"extrinsics that lead to the camera on socket {right} were expected"
        )
    (turn, move), (turned, moved) = lefts_way[meeting], rights_way[meeting]
    return Stated(rig(entry, "translation", cameras, turned.T @ turn, turned.T @ (move - moved), "m"))


def _way(sockets: Entries, here: int, unit: str | None) -> dict[int, tuple[Array, Array]]:
    """Return the cameras that extrinsics lead to, and the place of the first seen from each, in metres."""
    found = {here: (np.eye(3), np.zeros(3))}
    while True:
        entry = sockets.inside(str(here)).inside("extrinsics")
        there = int(entry.number("toCameraSocket"))
        if there in found or str(there) not in sockets:
            return found
        stated = int(entry.number("lengthUnit")) if "lengthUnit" in entry else 1
        if not 0 <= stated < len(_LENGTHS):
            raise entry.error("lengthUnit", "0, 1 or 2 was expected, for m, cm or mm")
        shift = entry.inside("translation")
        step = np.array([shift.number(axis) for axis in "xyz"]) * UNITS[unit or _LENGTHS[stated]]
        rotation = entry.rotation("rotationMatrix")
        turn, move = found[here]
        found[there] = (rotation @ turn, rotation @ move + step)
        here = there


def _camera(entries: Entries) -> Camera:
    kind = int(entries.number("cameraType")) if "cameraType" in entries else 0
    if kind not in (0, 1):
        raise entries.error("cameraType", "0 (perspective) or 1 (fisheye) was expected")
    key, lens = "intrinsicMatrix", entries.numbers("distortionCoeff")
    size = entries.size("width", "height")
    return camera(entries, key, entries.matrix(key, 3, 3), lens[:4] if kind else lens, size, kind == 1)
