"""The names and contents that the four benchmarks state, spelled here once more by hand."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from dsmnet.config import compose, instantiate
from dsmnet.errors import UserError
from dsmnet.submission import UploadForm, check_method

NAMES = {
    "kitti2012": ["0000_10.png", "0001_10.png", "0002_10.png"],
    "kitti2015": ["disp_0/0000_10.png", "disp_0/0001_10.png", "disp_0/0002_10.png"],
    "middlebury": [
        f"{split}Q/{scene}/{file}"
        for split in ("training", "test")
        for scene in ("0000", "0001", "0002")
        for file in ("disp0Ramp.pfm", "timeRamp.txt")
    ],
    "eth3d": [
        f"low_res_two_view/{scene}{end}" for scene in ("0000", "0001", "0002") for end in (".pfm", ".txt")
    ],
}


def form(name: str, *overrides: str) -> UploadForm:
    built: UploadForm = instantiate(compose("submit", [f"upload={name}", *overrides]).upload.form)
    return built


def middlebury(resolution: str) -> UploadForm:
    return form("middlebury", f"upload.dataset.resolution={resolution}")


def ramp_of(data: bytes) -> np.ndarray:
    """Read a map by hand: what the format says, without the project's readers."""
    if data[:2] != b"Pf":
        stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        assert stored.dtype == np.uint16
        return stored / 256
    _, size, scale, body = data.split(b"\n", 3)
    width, height = map(int, size.split())
    assert float(scale) < 0
    values = struct.unpack(f"<{width * height}f", body)
    return np.array(values).reshape(height, width)[::-1]


def test_every_benchmark_holds_what_it_states(upload):  # type: ignore[no-untyped-def]
    contents = upload.contents()
    assert list(contents) == NAMES[upload.name]
    for name, data in contents.items():
        if name.endswith(".txt"):
            text = data.decode()
            assert text.startswith("runtime ") == (upload.name == "eth3d")
            assert float(text.removeprefix("runtime ")) > 0
            continue
        values = ramp_of(data)
        scene = int(name.removesuffix("/disp0Ramp.pfm").removesuffix("_10.png").removesuffix(".pfm")[-4:])
        assert values.shape == ((20, 34), (24, 30))[scene % 2]
        expected = np.maximum(np.arange(values.shape[1]), 1 / 256)  # each pixel has a positive disparity
        np.testing.assert_array_equal(values, np.broadcast_to(expected, values.shape))


def test_middlebury_has_three_resolutions():
    assert middlebury("F").disparity == "{split}F/{name}/disp0{method}.pfm"
    assert middlebury("H").time == "{split}H/{name}/time{method}.txt"


def test_the_method_is_seen_from_the_files():
    names = ["trainingQ/Piano/disp0Mine.pfm", "trainingQ/Piano/timeMine.txt", "readme.txt"]
    assert middlebury("Q").find_method(names) == "Mine"
    assert middlebury("Q").find_method(["readme.txt"]) is None
    assert form("eth3d").find_method(names) is None
    with pytest.raises(UserError, match="Mine, Other"):
        middlebury("Q").find_method([*names, "trainingQ/Teddy/disp0Other.pfm"])


@pytest.mark.parametrize("name", ["", "a/b", "two words", "..", "Mine_s", "Ünique"])
def test_names_that_cannot_be_part_of_a_file_name(name: str):
    with pytest.raises(UserError, match="method="):
        check_method(name)


def test_names_that_can():
    assert check_method("DSMNet-lite_2") == "DSMNet-lite_2"
