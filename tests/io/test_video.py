"""Videos: frames in pairs, two files or two halves, and a video of the colors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet.errors import DataError, UserError
from dsmnet.inference.batch import predict_files
from dsmnet.inference.color_video import check_color_video, write_color_video
from dsmnet.inference.files import ResultWriter
from dsmnet.inference.sources import pair_source
from dsmnet.io import read_pfm, write_image
from dsmnet.io.video import EndOfVideo, Video, VideoPairs, is_video
from dsmnet.types import Matcher


def shade(number: int) -> int:
    """Brightness of a frame: a step per frame that survives the compression."""
    return 20 + 25 * number


def video(
    path: Path, frames: int = 8, size: tuple[int, int] = (48, 64), offset: int = 0, fps: float = 10
) -> str:
    """Write frames of one grey each, the right half brighter by `offset`."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (size[1], size[0]))
    assert writer.isOpened()
    for number in range(1, frames + 1):
        picture = np.full((*size, 3), shade(number), np.uint8)
        picture[:, size[1] // 2 :] += np.uint8(offset)
        writer.write(picture)
    writer.release()
    return str(path)


class ReadsLeft(Matcher):
    """Answers with the mean brightness of the left view."""

    def predict(self, left: np.ndarray, right: np.ndarray, max_disparity: int | None = None) -> np.ndarray:
        return np.full(left.shape[:2], left.mean(), np.float32)


def test_frames_come_in_order_and_some_may_be_left_out(tmp_path: Path) -> None:
    film = Video(Path(video(tmp_path / "a.mp4")), "left")
    assert film.frames == 8
    for number in (1, 2, 5, 8):
        assert film.frame(number).shape == (48, 64, 3)
        assert film.frame(number).mean() == pytest.approx(shade(number), abs=8)
    with pytest.raises(EndOfVideo, match=r"a\.mp4: frame 9 of 8 cannot be decoded"):
        film.frame(9)


def test_colors_are_rgb(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "a.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    writer.write(np.full((48, 64, 3), (0, 0, 200), np.uint8))  # red, in OpenCV's order
    writer.release()
    red, _, blue = Video(tmp_path / "a.mp4", "left").frame(1).mean((0, 1))
    assert red > 150 > 50 > blue


@pytest.mark.parametrize("ahead", [0, 2])
def test_two_videos_become_files_per_frame(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, ahead: int
) -> None:
    left, right = video(tmp_path / "l.mp4"), video(tmp_path / "r.mp4", frames=6)
    pairs = pair_source(left, right)
    assert f"{left} has 8 frames and {right} 6: the first 6 are matched" in caplog.text
    summary = predict_files(ReadsLeft(), pairs, ResultWriter(tmp_path / "out"), ahead=ahead)
    assert summary.done == 6
    for number in range(1, 7):
        disparity = read_pfm(tmp_path / "out" / f"l_{number:06d}.pfm")
        assert disparity.mean() == pytest.approx(shade(number), abs=8)


def test_side_by_side(tmp_path: Path) -> None:
    pairs = pair_source(video(tmp_path / "both.mp4", offset=60), None, layout="side_by_side")
    assert [pair.name for pair in pairs][:2] == ["both_000001", "both_000002"]
    left, right = pairs.load(list(pairs)[2])
    assert left.shape == right.shape == (48, 32, 3)
    assert (left.mean(), right.mean()) == pytest.approx((shade(3), shade(3) + 60), abs=8)


def test_top_and_bottom(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "both.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    picture = np.full((48, 64, 3), 40, np.uint8)
    picture[24:] = 200
    writer.write(picture)
    writer.release()
    pairs = pair_source(str(tmp_path / "both.mp4"), None, layout="top_bottom")
    left, right = pairs.load(next(iter(pairs)))
    assert left.shape == right.shape == (24, 64, 3)
    assert (left.mean(), right.mean()) == pytest.approx((40, 200), abs=8)


@pytest.mark.parametrize(("left", "right"), [((4, 10), (9, 20)), ((9, 20), (4, 10)), ((8, 10), (6, 8))])
def test_videos_of_different_rates_are_paired_by_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, left: tuple[int, float], right: tuple[int, float]
) -> None:
    pairs = pair_source(
        video(tmp_path / "l.mp4", left[0], fps=left[1]), video(tmp_path / "r.mp4", right[0], fps=right[1])
    )
    assert f"{left[0]} frames, {left[1]} per second" in caplog.text
    assert f"{right[0]}, {right[1]} per second: the nearest in time are matched" in caplog.text
    found = list(pairs)
    assert len(found) >= 4
    for pair in found:
        shown = [(view.mean() - shade(1)) / 25 for view in pairs.load(pair)]  # frames since the first
        times = [number / rate for number, rate in zip(shown, (left[1], right[1]), strict=True)]
        assert times[0] == pytest.approx(pair.time, abs=0.05)
        assert abs(times[0] - times[1]) <= 0.5 / max(left[1], right[1]) + 0.04  # of the compression


def test_as_many_frames_are_paired_by_number_whatever_their_rates(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pairs = pair_source(video(tmp_path / "l.mp4", fps=10), video(tmp_path / "r.mp4", fps=20))
    assert "matched by number, as there are as many on both sides" in caplog.text
    last = list(pairs)[-1]
    assert len(list(pairs)) == 8
    assert [view.mean() for view in pairs.load(last)] == pytest.approx([shade(8)] * 2, abs=8)
    caplog.clear()
    pair_source(video(tmp_path / "l.mp4", fps=30), video(tmp_path / "r.mp4", fps=29.97))
    assert not caplog.text  # too little to matter


def test_a_video_that_breaks_off_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = video(tmp_path / "l.mp4"), video(tmp_path / "r.mp4")
    videos = VideoPairs(left, right)
    grab, grabbed = videos.right._capture.grab, []

    class BreaksOff:
        def grab(self) -> bool:
            grabbed.append(1)
            return len(grabbed) <= 5 and grab()

        retrieve = staticmethod(videos.right._capture.retrieve)

    monkeypatch.setattr(videos.right, "_capture", BreaksOff())
    summary = predict_files(ReadsLeft(), videos, ResultWriter(tmp_path / "out"))
    assert summary.done == 5
    with pytest.raises(UserError, match="1 of 8 pairs failed: l_000006"):
        summary.check()


def test_views_of_different_size_fail_by_frame(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pairs = pair_source(video(tmp_path / "l.mp4", 2), video(tmp_path / "r.mp4", 2, size=(48, 80)))
    summary = predict_files(ReadsLeft(), pairs, ResultWriter(tmp_path / "out"))
    assert (summary.done, summary.failed) == (0, ["l_000001", "l_000002"])
    assert "the views differ in size (height, width)" in caplog.text


def test_wrong_inputs_are_named(tmp_path: Path) -> None:
    good = video(tmp_path / "good.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    write_image(tmp_path / "i.png", np.zeros((4, 6, 3), np.uint8))
    (tmp_path / "calibs").mkdir()
    for name in ("1.txt", "2.txt"):
        (tmp_path / "calibs" / name).write_text("x")
    cases: list[tuple[tuple[Any, ...], str]] = [
        ((good, str(tmp_path / "text.mp4")), r"right=.*text\.mp4: cannot be read as a video"),
        ((str(tmp_path / "no.mp4"), good), r"left=.*no\.mp4: no such file"),
        ((good, str(tmp_path / "i.png")), "expected two videos, or images on both sides"),
        ((good, None), "right=null with layout=side_by_side|expected two videos"),
        ((good, good, None, "side_by_side"), "layout=side_by_side right="),
        ((good, good, None, "stacked"), "layout=stacked: expected one of separate, side_by_side"),
        ((str(tmp_path / "i.png"), str(tmp_path / "i.png"), None, "top_bottom"), "layout=top_bottom right="),
        ((good, good, str(tmp_path / "calibs")), "holds 2 files: expected one for all frames"),
    ]
    for arguments, message in cases:
        with pytest.raises((DataError, UserError), match=message):
            pair_source(*arguments)


def test_an_odd_width_cannot_be_halved(tmp_path: Path) -> None:
    film = VideoPairs(video(tmp_path / "both.mp4"), None, layout="side_by_side")
    film.left.frame = lambda number: np.zeros((4, 7, 3), np.uint8)  # type: ignore[method-assign]
    with pytest.raises(DataError, match="a width of 7 cannot be halved"):
        film.load(film.pairs[0])


def test_what_is_a_video() -> None:
    assert is_video("A.MP4")
    assert not any(is_video(where) for where in ("a.png", "mp4", ["a.mp4"], 2024, None))


def test_the_colors_as_a_video(tmp_path: Path) -> None:
    for number in (1, 2, 4):
        write_image(tmp_path / f"f{number}_color.png", np.full((33, 47, 3), shade(number), np.uint8))
    path = write_color_video(tmp_path, ["f1", "f2", "f3", "f4"], 10)
    film = Video(path, "left")
    assert film.frames == 3  # one had no result
    assert film.frame(3).mean() == pytest.approx(shade(4), abs=8)
    assert film.frame(3).shape == (34, 48, 3)  # the format has even sizes: the border is repeated
    write_image(tmp_path / "f9_color.png", np.zeros((33, 40, 3), np.uint8))
    with pytest.raises(
        UserError, match=r"f9_color\.png is of size \(33, 40\), the first picture of \(33, 47\)"
    ):
        write_color_video(tmp_path, ["f1", "f9"], 10)
    assert path.is_file()
    assert not list(tmp_path.glob(".part*"))


def test_a_video_of_colors_needs_fixed_ones() -> None:
    check_color_video(None, None)
    check_color_video(10, [0, 64])
    for fps, limits, message in (
        (10, None, "needs fixed colors"),
        (0, [0, 1], "expected a number of frames per second"),
    ):
        with pytest.raises(UserError, match=message):
            check_color_video(fps, limits)
