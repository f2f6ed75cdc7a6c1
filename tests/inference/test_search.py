"""Search ranges: what is stated, what grows with the width, and what was too short."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from dsmnet import build_model, load_model
from dsmnet.errors import UserError
from dsmnet.evaluation import evaluate_set
from dsmnet.evaluation.sgbm import SGBM
from dsmnet.inference.batch import Prediction, predict_files
from dsmnet.inference.files import ResultWriter
from dsmnet.inference.search import resolve_max_disparity, too_short, widened
from dsmnet.inference.tiled import TiledMatcher
from dsmnet.io import read_image, write_image
from dsmnet.io.pairs import PairFiles
from dsmnet.types import Calibration, DisparityMap, Image, Matcher, StereoSample


class Answering(Matcher):
    """Answers with one value and keeps the ranges that it was asked with."""

    def __init__(self, value: float = 5.0) -> None:
        self.value = value
        self.asked: list[int | None] = []

    def predict(self, left: Image, right: Image, max_disparity: int | None = None) -> DisparityMap:
        self.asked.append(max_disparity)
        return np.full(left.shape[:2], self.value, np.float32)


def test_search_range():
    assert resolve_max_disparity("auto") == 192
    assert resolve_max_disparity("auto", Calibration()) == 192
    assert resolve_max_disparity("auto", Calibration(max_disparity=70), 4000) == 70
    assert resolve_max_disparity(64, Calibration(max_disparity=70), 4000) == 64
    for wrong in ("Auto", 0, -1, 3.5, True, None):
        with pytest.raises(UserError, match="max_disparity="):
            resolve_max_disparity(wrong)  # type: ignore[arg-type]


def test_the_range_grows_with_the_width_from_1500_pixels_on():
    assert [resolve_max_disparity("auto", None, width) for width in (0, 450, 1242, 1500)] == [192] * 4
    assert resolve_max_disparity("auto", Calibration(), 1501) == 256
    assert resolve_max_disparity("auto", None, 4000) >= 400  # 12 megapixels: such pairs have 354 px
    ranges = [widened(192, width) for width in range(1500, 12_000, 100)]
    assert ranges == sorted(ranges)
    assert all(reach >= 0.128 * width for reach, width in zip(ranges, range(1500, 12_000, 100), strict=True))


def wide() -> StereoSample:
    views = np.zeros((2, 8, 4000, 3), np.uint8)
    target = np.full((8, 4000), 5, np.float32)
    return {
        "left": views[0],
        "right": views[1],
        "disparity": target,
        "valid": target > 0,
        "name": "w",
        "dataset": "d",
    }


def test_predict_and_evaluate_search_further_in_wide_images(tmp_path: Path):
    matcher, sample = Answering(), wide()
    write_image(tmp_path / "i.png", sample["left"])
    pair = PairFiles("pair", tmp_path / "i.png", tmp_path / "i.png")
    predict_files(matcher, [pair], ResultWriter(tmp_path / "out")).check()
    evaluate_set(matcher, [sample], progress=False)  # type: ignore[arg-type]
    assert matcher.asked == [512, 512]


def test_matchers_without_a_range_search_further_in_wide_images(monkeypatch: pytest.MonkeyPatch):
    sample = wide()
    inner = Answering()
    TiledMatcher(inner, tile=512).predict(sample["left"], sample["right"])
    assert max(reach or 0 for reach in inner.asked) == 192  # of the coarse pass: 512 px at 1/2.7
    net = build_model("tiny")
    asked = []
    monkeypatch.setattr(net.net, "forward", lambda left, right, reach: asked.append(reach) or [left[:, :1]])
    for width in (200, 4000):
        view = np.zeros((8, width, 3), np.uint8)
        net.predict(view, view)
    assert asked == [64, 192]
    view = np.zeros((8, 2000, 3), np.uint8)
    assert SGBM(64).predict(view, view).shape == (8, 2000)


def test_a_pile_at_the_end_of_the_range_is_warned_of_once_per_pair(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    write_image(tmp_path / "i.png", np.zeros((20, 30, 3), np.uint8))
    pairs = [PairFiles(name, tmp_path / "i.png", tmp_path / "i.png") for name in ("a", "b")]
    with caplog.at_level(logging.WARNING):
        predict_files(Answering(47), pairs, ResultWriter(tmp_path / "out"), Prediction(48))
    lines = [record.getMessage() for record in caplog.records]
    reason = "100% of the disparities lie at the end of the search range of 48 px, which may be too short"
    assert lines == [f"{name}: {reason}: try max_disparity=96" for name in ("a", "b")]
    caplog.clear()
    sample = wide()
    evaluate_set(Answering(511), [sample] * 25, progress=False)  # type: ignore[arg-type]
    (line,) = [record.getMessage() for record in caplog.records]
    assert "at the end of the search range" in line
    assert line.endswith("and 5 more")


def test_a_few_answers_at_the_end_are_no_pile():
    disparity = np.full((100, 100), 20, np.float32)
    disparity[0, :60] = 190
    assert too_short(disparity, 192) is None
    disparity[1, :60] = 190
    assert too_short(disparity, 192) == (
        "1% of the disparities lie at the end of the search range of 192 px, which may be too short: "
        "try max_disparity=384"
    )
    assert too_short(np.full((3, 3), 5, np.float32), 8) is None
    assert too_short(np.full((3, 3), np.nan, np.float32), 8) is None


@pytest.mark.real_data
def test_a_real_pair_piles_up_only_where_the_range_is_too_short(real_data: Path):
    scene = real_data / "MiddEval3" / "trainingQ" / "Teddy"
    left, right = read_image(scene / "im0.png"), read_image(scene / "im1.png")
    net = load_model()
    assert too_short(net.predict(left, right, 64), 64) is None
    assert too_short(net.predict(left, right, 26), 26) is not None  # half of what the scene has
