"""What is uploaded to the demo: the files that come of it, and what is refused."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet import load_model
from dsmnet.demo.server import running_demo
from dsmnet.demo.upload import DemoMatcher, MatchedUpload, write_example
from dsmnet.errors import UserError
from dsmnet.io import read_disparity, read_image, read_pfm, write_calibration
from dsmnet.io.rigs.opencv_rig import write_opencv_rig
from dsmnet.types import Calibration
from tests.rectification.conftest import rig

Match = Callable[..., MatchedUpload]


@pytest.fixture(scope="module")
def matcher() -> DemoMatcher:
    return DemoMatcher(device="cpu")


@pytest.fixture
def match(matcher: DemoMatcher, views: tuple[Path, Path], tmp_path: Path) -> Match:
    def run(**chosen: Any) -> MatchedUpload:
        pair = {"left": str(views[0]), "right": str(views[1]), "network": "dsmnet_lite"}
        return matcher.match(tmp_path, **{**pair, **chosen})

    return run


def test_files_are_those_of_a_prediction(match: Match, views: tuple[Path, Path], tmp_path: Path) -> None:
    write_calibration(tmp_path / "calib.txt", Calibration(150, 0.2, 72, 48), (96, 144))
    found = match(max_disparity="48", calib=[str(tmp_path / "calib.txt")])
    expected = load_model(device="cpu", precision="auto").predict(*map(read_image, views), max_disparity=48)
    np.testing.assert_allclose(read_pfm(tmp_path / "room.pfm"), expected, atol=1e-3)
    np.testing.assert_allclose(read_disparity(tmp_path / "room.png"), expected, atol=0.01)
    suffixes = (".pfm", ".png", ".ply", ".glb", "_depth.png", "_confidence.png", "_color.png")
    assert [path.name for path in found.downloads] == [f"room{suffix}" for suffix in suffixes]
    for picture in (found.disparity, found.confidence):
        assert read_image(picture).shape[0] > 96  # with a legend
    assert "search range 48 px" in found.summary
    assert "focal length of 150 px and a baseline of 0.2 m" in found.summary


def test_without_a_calibration_the_cloud_has_no_scale_and_no_depth_is_written(match: Match) -> None:
    found = match()
    assert "No calibration" in found.summary
    assert found.cloud is not None
    assert "room_depth.png" not in [path.name for path in found.downloads]
    assert "search range 144 px" in found.summary  # 192, but for the width


def test_the_least_confidence_leaves_pixels_out(match: Match, tmp_path: Path) -> None:
    found = match(min_confidence=0.9)
    known = np.isfinite(read_pfm(tmp_path / "room.pfm")).mean()
    assert 0.02 < known < 0.98
    assert f"{known:.0%} of the pixels" in found.summary


def test_raw_views_are_rectified(match: Match, views: tuple[Path, Path], tmp_path: Path) -> None:
    write_opencv_rig(tmp_path / "rig.yml", rig(size=read_image(views[0]).shape[:2]))
    found = match(calib=[str(tmp_path / "rig.yml")])
    assert "baseline of 0.12" in found.summary
    assert {"room_rectified.png", "room_depth.png"} <= {path.name for path in found.downloads}


def test_a_calibration_file_is_read_and_what_is_warned_of_is_shown(match: Match, tmp_path: Path) -> None:
    calib = tmp_path / "calib.txt"
    write_calibration(calib, Calibration(300, 0.2, 143, 95, max_disparity=64), (192, 288))
    found = match(calib=[str(calib)])
    assert "focal length of 150 px and a baseline of 0.2 m" in found.summary  # of half the size
    assert any("calib.txt" in line and str(tmp_path) not in line for line in found.warnings)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"left": None}, "left: has to be given; expected an image"),
        ({"right": None}, "right: has to be given; expected an image"),
        ({"max_disparity": "-3"}, "max_disparity=-3: expected auto or a positive whole number"),
        ({"max_disparity": "1.5"}, "max_disparity=1.5: expected auto or a positive whole number"),
        ({"max_disparity": "many"}, "max_disparity=many: expected auto or a positive whole number"),
        ({"min_confidence": 2}, "min_confidence=2: expected a number from 0 to 1"),
        ({"network": "../weights"}, "network=../weights: expected dsmnet_"),
    ],
)
def test_what_cannot_be_is_refused(match: Match, chosen: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as refused:
        match(**chosen)
    assert str(refused.value).startswith(said)


def test_a_view_of_too_many_pixels_is_refused(match: Match, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dsmnet.demo.upload.MOST_PIXELS_SERVED", 10_000)
    with pytest.raises(UserError, match=r"^room.png: 144 x 96 px; expected at most 10,000 pixels"):
        match()


def test_examples_are_the_same_pair_every_time_and_differ(tmp_path: Path) -> None:
    first, again, other = ([read_image(path) for path in write_example(n, tmp_path)] for n in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first[0] != first[1]).mean() > 0.2
    assert (first[0] != other[0]).mean() > 0.2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"port": 0}, "port=0: expected a whole number from 1 to 65535"),
        ({"port": "http"}, "port=http: expected a whole number"),
        ({"checkpoint": "nowhere.ckpt"}, "checkpoint=nowhere.ckpt"),
        ({"host": "no.such.host.invalid", "device": "cpu"}, "host=no.such.host.invalid port=auto: expected"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], said: str) -> None:
    pytest.importorskip("gradio", reason="gradio is not installed")
    with pytest.raises(UserError) as refused, running_demo(**options):
        pass
    assert said in str(refused.value)


def test_a_port_that_is_taken_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            UserError, match=rf"^host=127.0.0.1 port={port}: .*free \(Address already in use\)"
        ):
            running_demo(port=port).__enter__()


def test_without_gradio_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(UserError, match=r"pip install 'dsmnet\[demo\]'"), running_demo():
        pass
