from __future__ import annotations

import cv2
import numpy as np
import pytest

from dsmnet.datasets.video_frames import VideoFrames
from dsmnet.errors import DataError, UserError


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Seven frames of two views side by side, each of one brightness."""
    path = tmp_path_factory.mktemp("video") / "both.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (128, 32))
    for k in range(7):
        writer.write(np.full((32, 128, 3), 30 * k, np.uint8))
    writer.release()
    return str(path)


def test_frames_are_had_in_any_order(video: str) -> None:
    frames = VideoFrames(video, None, layout="side_by_side", every=2)
    assert len(frames) == 4
    for index in (0, 3, 1, 1):
        sample = frames[index]
        assert sample["left"].shape == sample["right"].shape == (32, 64, 3)
        assert abs(int(sample["left"].mean()) - 60 * index) < 4
        assert sample["name"] == f"both_{2 * index + 1:06d}"
    with pytest.raises(IndexError):
        frames[4]


def test_halves_above_each_other(video: str) -> None:
    sample = VideoFrames(video, None, layout="top_bottom")[1]
    assert sample["left"].shape == sample["right"].shape == (16, 128, 3)


def test_a_video_has_no_ground_truth(video: str) -> None:
    with pytest.raises(DataError, match="no ground truth"):
        VideoFrames(video, None, layout="side_by_side", require_ground_truth=True)
    with pytest.raises(UserError, match=r"dataset.left: expected a video"):
        VideoFrames(None, None)
