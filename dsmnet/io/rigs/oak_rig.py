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
    """Read the two cameras of the file's stereo pair."""
    data = entries.values["cameraData"]
    pairs = data.items() if isinstance(data, dict) else data
    sockets = Entries(entries.path, {str(int(socket)): value for socket, value in pairs}, "cameraData ")
    left, right = _LEFT, _RIGHT
    if "stereoRectificationData" in entries:
        stereo = entries.inside("stereoRectificationData")
        stated = [int(stereo.number(f"{side}CameraSocket")) for side in ("left", "right")]
        left, right = stated if min(stated) >= 0 else (left, right)
    cameras = _camera(sockets.inside(str(left))), _camera(sockets.inside(str(right)))
    # One camera leads to the other, or both to a third.
    turns, moves, ends = zip(*(_place(sockets, socket, unit) for socket in (left, right)), strict=True)
    entry = sockets.inside(str(left)).inside("extrinsics")
    if ends[0] == right:
        return Stated(rig(entry, "translation", cameras, turns[0], moves[0], "m"))
    if ends[1] not in (left, ends[0]):
        raise entry.error("toCameraSocket", f"extrinsics to the camera on socket {right} were expected")
    turn, move = (np.eye(3), np.zeros(3)) if ends[1] == left else (turns[0], moves[0])
    return Stated(rig(entry, "translation", cameras, turns[1].T @ turn, turns[1].T @ (move - moves[1]), "m"))


def _place(sockets: Entries, socket: int, unit: str | None) -> tuple[Array, Array, int]:
    """Return rotation and translation in metres to another camera, and its socket."""
    entry = sockets.inside(str(socket)).inside("extrinsics")
    if (there := int(entry.number("toCameraSocket"))) < 0:  # the camera that others lead to
        return np.eye(3), np.zeros(3), socket
    stated = int(entry.number("lengthUnit")) if "lengthUnit" in entry else 1
    if not 0 <= stated < len(_LENGTHS):
        raise entry.error("lengthUnit", "0, 1 or 2 was expected, for m, cm or mm")
    shift = entry.inside("translation")
    move = np.array([shift.number(axis) for axis in "xyz"]) * UNITS[unit or _LENGTHS[stated]]
    return entry.rotation("rotationMatrix"), move, there


def _camera(entries: Entries) -> Camera:
    kind = int(entries.number("cameraType")) if "cameraType" in entries else 0
    if kind not in (0, 1):
        raise entries.error("cameraType", "0 (perspective) or 1 (fisheye) was expected")
    key, lens = "intrinsicMatrix", entries.numbers("distortionCoeff")
    size = entries.size("width", "height")
    return camera(entries, key, entries.matrix(key, 3, 3), lens[:4] if kind else lens, size, kind == 1)
