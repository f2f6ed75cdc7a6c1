"""The point cloud as binary glTF: what a reader finds in it."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from dsmnet.errors import DataError
from dsmnet.viz.glb import write_glb


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_reader_finds_the_points_with_y_up_and_linear_colors(tmp_path: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(count, 3)).astype(np.float32)
    colors = rng.integers(0, 256, (count, 3), dtype=np.uint8)
    colors[0] = 0, 255, 188  # sRGB 188 is half of the light
    write_glb(tmp_path / "cloud.glb", points, colors)
    data = (tmp_path / "cloud.glb").read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    assert struct.unpack_from("<4sIII4s", data) == (b"glTF", 2, len(data), length, b"JSON")
    assert struct.unpack_from("<I4s", data, 20 + length) == (20 * count, b"BIN\0")
    assert length % 4 == 0
    header, binary = json.loads(data[20 : 20 + length]), data[28 + length :]
    found = []
    for accessor, kind in zip(header["accessors"], ("<f4", "<u2"), strict=True):
        view = header["bufferViews"][accessor["bufferView"]]
        part = binary[view["byteOffset"] :][: view["byteLength"]]
        found.append(np.frombuffer(part, kind).reshape(accessor["count"], int(accessor["type"][-1])))
    np.testing.assert_array_equal(found[0], points * (1, -1, -1))
    np.testing.assert_allclose(found[1][0] / 65535, (0, 1, 0.5, 1), atol=0.005)
    np.testing.assert_array_equal(np.float32(header["accessors"][0]["max"]), found[0].max(0))


def test_no_point_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^cloud.glb: not one point"):
        write_glb(tmp_path / "cloud.glb", np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []
