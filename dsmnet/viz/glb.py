"""A point cloud as binary glTF, which browsers and 3-D programs open."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import DataError, ShapeError
from dsmnet.types import Image

_FLOAT, _UNSIGNED_SHORT, _POINTS = 5126, 5123, 0  # of the standard


def write_glb(path: Path, points: NDArray[np.float32], colors: Image) -> None:
    """Write points [N, 3], metres, x right, y down, z forward, of colors RGB [N, 3], as glTF 2.0 (GLB).

    There y is up and the view goes along -z. Its colors are linear, so that they take 16 bits, and the
    extension KHR_materials_unlit keeps lamps away from them. Source: glTF 2.0 specification, Khronos Group.

    Raises:
        DataError: There is no point, which the format cannot say.
    """
    if points.shape != colors.shape:
        raise ShapeError(f"points {points.shape} and colors {colors.shape} must both be [N, 3]")
    if not len(points):
        raise DataError(f"{path.name}: not one point, and a GLB holds at least one")
    positions = np.ascontiguousarray(points * np.array((1, -1, -1), "f4"), "<f4")
    value = np.arange(256) / 255  # of sRGB (IEC 61966-2-1)
    value = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    linear = np.full((len(points), 4), 65535, "<u2")
    linear[:, :3] = np.rint(value * 65535)[colors]
    parts = [positions.tobytes(), linear.tobytes()]
    views = [{"byteOffset": 0, "byteLength": len(parts[0])}]
    views.append({"byteOffset": len(parts[0]), "byteLength": len(parts[1])})
    places = {"componentType": _FLOAT, "type": "VEC3"}
    places |= {"min": positions.min(0).tolist(), "max": positions.max(0).tolist()}
    color = {"componentType": _UNSIGNED_SHORT, "type": "VEC4", "normalized": True}
    primitive = {"mode": _POINTS, "attributes": {"POSITION": 0, "COLOR_0": 1}, "material": 0}
    header = {
        "asset": {"version": "2.0", "generator": "dsmnet"},
        "extensionsUsed": ["KHR_materials_unlit"],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [{"extensions": {"KHR_materials_unlit": {}}}],
        "accessors": [{"bufferView": i, "count": len(points), **a} for i, a in enumerate((places, color))],
        "bufferViews": [{"buffer": 0, **view} for view in views],
        "buffers": [{"byteLength": sum(map(len, parts))}],
    }
    text = json.dumps(header).encode("ascii")
    chunks = _chunk(b"JSON", text + b" " * (-len(text) % 4)) + _chunk(b"BIN\0", b"".join(parts))
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("<I4s", len(data), kind) + data
