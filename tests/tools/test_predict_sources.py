"""tools/predict.py on bags, pictures of both views, and cameras."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet import build_model
from dsmnet.io import read_pfm, write_image
from dsmnet.models.checkpoint import save_weights
from dsmnet.types import Matcher
from tests.tools.test_predict_streams import scene, start

RunTool = Callable[..., Any]


class Brightness(Matcher):
    """Answers with the mean of the left view, tenth of the right one behind the comma; may take its time."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.seen = seconds, []

    def predict(self, left: np.ndarray, right: np.ndarray, max_disparity: int | None = None) -> np.ndarray:
        time.sleep(self.seconds)
        self.seen.append((left.mean(), right.mean()))
        return np.full(left.shape[:2], round(left.mean()) / 10, np.float32)


@pytest.fixture
def predict(run_tool: RunTool) -> RunTool:
    return partial(run_tool, "predict", load_model=lambda *_, **__: Brightness())


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net, path = build_model("tiny").eval(), tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, net.net, net.config)
    return path


def film(
    path: Path, frames: int, fps: float = 20, size: tuple[int, int] = (48, 128), texture: bool = False
) -> Path:
    """Write a video of frames of one grey each, 40 + 3 * number on the left, 20 more on the right."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size[::-1])
    for number in range(frames):
        picture = np.full((*size, 3), 40 + 3 * (number % 60), np.uint8)
        picture[:, size[1] // 2 :] += 20
        writer.write(scene(number, *size) if texture else picture)
    writer.release()
    return path


def bag(path: Path, frames: int, calibrated: bool = True) -> Path:
    pytest.importorskip("rosbags")
    from tests.io.bags import IMAGE, INFO, Entry, camera_info, image, write_bag

    def entries() -> Iterator[Entry]:
        for number in range(frames):
            for side, offset in (("left", 0.0), ("right", 0.12)):
                now = 1e9 + number / 20
                if calibrated:
                    yield Entry(f"/{side}/camera_info", now, INFO, camera_info(50, offset, (40, 60)))
                yield Entry(
                    f"/{side}/image_rect", now, IMAGE, image(np.full((40, 60, 3), 40 + number, np.uint8))
                )

    return write_bag(path, entries())


def run_to_end(*overrides: str) -> str:
    process = start("device=cpu", "max_disparity=32", "progress=false", *overrides)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return said


def test_a_bag_of_fifty_frames_from_end_to_end(weights: Path, tmp_path: Path) -> None:
    path, out = bag(tmp_path / "drive", 50), tmp_path / "out"
    run_to_end(f"checkpoint={weights}", f"left={path}", f"paths.output={out}")
    for suffix in (".pfm", ".png", "_color.png", "_depth.png", ".ply"):  # with the depth of its camera_info
        assert len(list(out.glob(f"drive_0000[0-9][0-9]{suffix}"))) == 50
    lines = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()][1:]
    assert [line["time"] for line in lines] == pytest.approx([1e9 + k / 20 for k in range(50)])


def test_a_side_by_side_video_of_fifty_frames_from_end_to_end(weights: Path, tmp_path: Path) -> None:
    path, out = film(tmp_path / "both.mp4", 50, texture=True), tmp_path / "out"
    where = [f"left={path}", "layout=side_by_side", f"paths.output={out}"]
    run_to_end(f"checkpoint={weights}", *where, "color_video=20", "limits=[0,32]", "legend=false")
    assert len(list(out.glob("both_0000[0-9][0-9].pfm"))) == 50
    assert read_pfm(out / "both_000050.pfm").shape == (48, 64)
    assert cv2.VideoCapture(str(out / "color.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 50


@pytest.mark.parametrize(("layout", "axis"), [("side_by_side", 1), ("top_bottom", 0)])
def test_pictures_of_both_views(run_tool: RunTool, tmp_path: Path, layout: str, axis: int) -> None:
    for number in range(3):
        views = [np.full((20, 30, 3), value, np.uint8) for value in (50 + number, 100 + number)]
        write_image(tmp_path / "in" / f"{number}.png", np.concatenate(views, axis))
    for where in (tmp_path / "in", tmp_path / "in" / "*.png"):
        matcher = Brightness()
        load = partial(lambda found, *_, **__: found, matcher)
        run = run_tool("predict", f"left={where}", "right=null", f"layout={layout}", load_model=load)
        assert matcher.seen == [(50 + number, 100 + number) for number in range(3)]
        assert read_pfm(run.output / "2.pfm").shape == (20, 30)
    write_image(tmp_path / "odd.png", np.zeros((21, 31, 3), np.uint8))
    odd = f"left={tmp_path / 'odd.png'}"
    run_tool(
        "predict",
        odd,
        f"layout={layout}",
        load_model=lambda *_, **__: Brightness(),
        refused="cannot be halved",
    )


def test_a_bag_goes_on_where_it_was_stopped(predict: RunTool, tmp_path: Path) -> None:
    path = bag(tmp_path / "a.bag", 9, calibrated=False)
    first = predict(f"left={path}", "frames=4", "limits=[0,9]")
    assert len(list(first.output.glob("*.pfm"))) == 4
    kept = (first.output / "a_000002.pfm").stat().st_mtime_ns
    second = predict(f"left={path}", "resume=true", "color_video=5", "limits=[0,9]")
    assert len(list(second.output.glob("a_*.pfm"))) == 9
    assert (second.output / "a_000002.pfm").stat().st_mtime_ns == kept
    assert read_pfm(second.output / "a_000009.pfm")[0, 0] == pytest.approx(4.8)
    assert cv2.VideoCapture(str(second.output / "color.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 9


def test_a_bag_that_breaks_off_keeps_what_is_finished(predict: RunTool, tmp_path: Path) -> None:
    path = bag(tmp_path / "a.bag", 8, calibrated=False)
    data = path.read_bytes()
    late = data.rfind(b"op=\x02")  # a record of message data
    path.write_bytes(data[:late] + b"op=\x09" + data[late + 4 :])
    run = predict(f"left={path}", refused=f"{path}: broken, what follows is not read")
    assert "7 pairs are finished" in run.log
    assert len(list(run.output.glob("*.pfm"))) == 7


def test_a_camera_keeps_its_pace_and_writes_only_what_is_asked_for(run_tool: RunTool, tmp_path: Path) -> None:
    path, matcher = film(tmp_path / "both.mp4", 40), Brightness(0.2)
    arguments = f"left=camera:{path}", "layout=side_by_side"
    run = run_tool("predict", *arguments, load_model=lambda *_, **__: matcher)
    numbers = [round((left - 40) / 3) for left, _ in matcher.seen]
    assert 5 <= len(numbers) <= 11  # of 40: two seconds, a fifth for each
    assert np.diff(numbers).mean() == pytest.approx(4, abs=1)
    assert all(right - left == pytest.approx(20, abs=3) for left, right in matcher.seen)
    assert "% dropped" in run.log
    assert {path.name for path in run.output.iterdir()} <= {"predict.log"}


def test_a_camera_saves_on_request_and_ends_by_itself(predict: RunTool, tmp_path: Path) -> None:
    path = film(tmp_path / "both.mp4", 40, fps=40)
    film_too = "color_video=20", "limits=[0,20]"
    run = predict(f"left=camera:{path}", "layout=side_by_side", "frames=3", "save=true", *film_too)
    assert len(list(run.output.glob("both_00000[123].pfm"))) == 3
    assert cv2.VideoCapture(str(run.output / "color.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 3
    run = predict(
        f"left={path}", "layout=side_by_side", f"paths.output={tmp_path / 'none'}", "save=false", "frames=2"
    )
    assert not list((tmp_path / "none").glob("*.p*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_a_live_run_well(weights: Path, tmp_path: Path, number: int) -> None:
    path, out = film(tmp_path / "both.mp4", 600, fps=10, texture=True), tmp_path / "out"
    arguments = [f"left=camera:{path}", "layout=side_by_side", "save=true", "device=cpu"]
    viewer = []
    if (Path(cv2.__file__).parents[1] / "rerun_bindings").exists():
        viewer = [f"viewer={tmp_path / 'a.rrd'}"]
    process = start(*arguments, *viewer, f"checkpoint={weights}", "max_disparity=32", f"paths.output={out}")
    try:
        deadline = time.monotonic() + 60
        while len(list(out.glob("*.pfm"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        asked = time.monotonic()
        process.send_signal(number)
        said, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert time.monotonic() - asked < 10
    assert "Traceback" not in said
    assert "frames/s" in said
    assert len(list(out.glob("*.pfm"))) >= 3
    assert not list(out.glob(".part*"))
    assert not viewer or (tmp_path / "a.rrd").stat().st_size > 10_000


def test_frames_are_smoothed_on_request_alone(run_tool: RunTool, tmp_path: Path) -> None:
    class Flickers(Matcher):
        calls = 0

        def predict(
            self, left: np.ndarray, right: np.ndarray, max_disparity: int | None = None
        ) -> np.ndarray:
            self.calls += 1
            return np.full(left.shape[:2], 4 + 0.2 * (self.calls % 2), np.float32)

    for number in range(8):
        write_image(tmp_path / "in" / f"{number}.png", scene(0, 40, 120))
    where = [f"left={tmp_path / 'in'}", "layout=side_by_side"]
    values = []
    for option in ([], ["temporal_filter=0.8"]):
        run = run_tool("predict", *where, *option, load_model=lambda *_, **__: Flickers())
        values.append([read_pfm(run.output / f"{number}.pfm")[0, 0] for number in range(8)])
    np.testing.assert_array_equal(values[0], [np.float32(4 + 0.2 * ((k + 1) % 2)) for k in range(8)])
    assert np.ptp(values[1][4:]) < 0.07


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["save=maybe"], "save=maybe: expected auto, True or False"),
        (["frames=0"], "frames=0: expected a whole number"),
        (["viewer=a.png"], "viewer=a.png: expected rerun, or FILE.rrd"),
        (["temporal_filter=1.5"], "temporal_filter=1.5: expected a number above 0"),
        (["resume=true"], "a camera does not go back"),
        (["html=true"], "html=true without calib"),
        (
            ["color_video=9", "limits=[0,9]"],
            "color_video=9: it is made of saved pictures; expected save=true",
        ),
        (["camera.width=many"], "camera.width=many: expected a number above 0"),
        (["left=camera:99"], "left=camera:99: cannot be opened"),
        (["left=no.bag", "layout=separate"], "left=no.bag: no such file"),
        (["left=camera:0", "layout=separate"], "right: has to be given"),
    ],
)
def test_mistakes_end_with_one_line(
    predict: RunTool, tmp_path: Path, overrides: list[str], message: str
) -> None:
    path = film(tmp_path / "both.mp4", 10)
    run = predict(f"left=camera:{path}", "layout=side_by_side", *overrides, refused=message)
    assert not list(run.output.glob("*.p*"))
