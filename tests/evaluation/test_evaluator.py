"""What is scored, how it is averaged, what is reported."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from dsmnet.errors import DataError, ShapeError, UserError
from dsmnet.evaluation import EvaluationProtocol, evaluate, evaluate_set
from dsmnet.evaluation.evaluator import matcher_result, scored_pixels
from dsmnet.evaluation.results import MatcherResult
from dsmnet.types import Matcher, StereoSample

MakeSample = Callable[..., StereoSample]
ALL, NOC = EvaluationProtocol("all"), EvaluationProtocol("noc")
TOP, LEFT = np.s_[:2, :], np.s_[:, :3]


def run(matcher: Any, *samples: StereoSample, **options: Any) -> Any:
    return evaluate_set(matcher, samples, progress=False, **options)  # type: ignore[arg-type]


def test_scores_of_known_errors(reads_red, make_sample):
    result = run(reads_red(offset=2.5), make_sample())
    (image,) = result.per_image
    assert image.scores == {"epe": 2.5, "bad1": 100, "bad2": 100, "bad3": 0, "d1": 0}
    assert (image.name, image.pixels, result.pixels) == ("a", 35, 35)


def test_images_count_the_same_and_pooled_pixels_do(reads_red, make_sample):
    small = make_sample("small", (2, 2), red=44)  # error 4 on 4 pixels
    large = make_sample("large", (6, 10), red=41)  # error 1 on 60 pixels
    result = run(reads_red(), small, large)
    assert result.average("epe") == pytest.approx((4 + 1) / 2)
    assert result.pooled("epe") == pytest.approx((4 * 4 + 60 * 1) / 64)
    assert result.average("bad3") == pytest.approx(50)
    assert result.pooled("bad3") == pytest.approx(100 * 4 / 64)
    entry = result.to_dict()
    assert entry["epe"] == pytest.approx(2.5)
    assert entry["pooled"]["epe"] == pytest.approx(76 / 64, abs=1e-6)
    assert [image["name"] for image in entry["per_image"]] == ["small", "large"]


def test_an_image_without_ground_truth_is_named_and_not_counted(reads_red, make_sample, caplog):
    blank = make_sample("blank", valid=np.s_[:0, :])
    unknown = make_sample("unknown")
    del unknown["disparity"], unknown["valid"]
    with caplog.at_level(logging.WARNING):
        result = run(reads_red(offset=1), blank, make_sample("good"), unknown)
    assert result.skipped == ["blank", "unknown"]
    assert result.average("epe") == 1
    assert result.to_dict()["images"] == 1
    assert "blank, unknown" in caplog.text


def test_a_set_without_any_ground_truth_has_null_scores(reads_red, make_sample):
    entry = run(reads_red(), make_sample(valid=np.s_[:0, :])).to_dict()
    assert entry["images"] == entry["pixels"] == 0
    assert entry["epe"] is entry["seconds_per_image"] is entry["pooled"]["d1"] is None


@pytest.mark.parametrize(
    ("protocol", "noc", "kind", "pixels"),
    [
        (NOC, LEFT, "noc", 6),  # valid top two rows, visible left three columns
        (ALL, LEFT, "all", 14),
        (NOC, None, "all", 14),
        (ALL, TOP, "noc", 14),  # ground truth of visible pixels only is called so whatever was asked
    ],
)
def test_which_pixels_are_scored(make_sample, protocol, noc, kind, pixels):
    mask, said = scored_pixels(make_sample(valid=TOP, noc=noc), protocol)
    assert (said, mask.sum()) == (kind, pixels)


def test_the_report_says_which_pixels_were_used(reads_red, make_sample):
    with_noc, without = make_sample("a", noc=LEFT), make_sample("b")
    assert run(reads_red(), with_noc).to_dict()["pixels_used"] == "noc"
    assert run(reads_red(), without).to_dict()["pixels_used"] == "all"
    assert run(reads_red(), with_noc, without).to_dict()["pixels_used"] == "mixed"


def test_the_cap_leaves_out_ground_truth_and_not_the_search(reads_red, make_sample):
    near, far = make_sample("near", target=192.0, red=0), make_sample("far", target=191.5, red=191)
    matcher = reads_red()
    capped = run(
        matcher, near, far, protocol=EvaluationProtocol("all", ground_truth_below=192), max_disparity=64
    )
    assert capped.skipped == ["near"]
    assert capped.average("epe") == 0.5
    assert set(matcher.ranges) == {64}
    assert run(reads_red(), near, far).average("epe") == pytest.approx((192 + 0.5) / 2)


def test_search_range_is_the_calibrations_or_192_and_never_the_truths(reads_red, make_sample):
    samples = make_sample("a", bound=70, target=100.0), make_sample("b", target=300.0)
    matcher = reads_red()
    result = run(matcher, *samples)
    assert [image.max_disparity for image in result.per_image] == [70, 192]
    assert matcher.ranges == [70, 192]
    assert {image.max_disparity for image in run(matcher, *samples, max_disparity=48).per_image} == {48}
    for wrong in (0, -3, "many", 1.5, None):
        with pytest.raises(UserError, match="max_disparity"):
            run(matcher, *samples, max_disparity=wrong)


def test_nan_does_not_pay(make_sample, reads_red, caplog):
    class HalfSilent(reads_red):  # type: ignore[misc]
        def predict(self, *args: Any) -> Any:
            answer = super().predict(*args)
            answer[:, :3] = math.nan
            return answer

    with caplog.at_level(logging.WARNING):
        result = run(HalfSilent(), make_sample("torn"))
    assert result.average("epe") == math.inf
    assert result.average("d1") == pytest.approx(100 * 3 / 7)
    entry = result.to_dict()
    assert entry["epe"] is None
    assert entry["non_finite"] == entry["per_image"][0]["non_finite"] == 15
    assert "torn: 15 scored pixels" in caplog.text


def test_a_prediction_of_another_size_is_refused(make_sample):
    class Cropped(Matcher):
        def predict(self, left: Any, right: Any, max_disparity: Any = None) -> Any:
            return np.zeros((4, 7), np.float32)

    with pytest.raises(ShapeError, match=r"Cropped.*made a.*\[4, 7\].*\[5, 7\]"):
        run(Cropped(), make_sample())


def test_ground_truth_that_is_not_finite_is_an_error(reads_red, make_sample):
    with pytest.raises(DataError, match="made a"):
        run(reads_red(), make_sample(target=math.inf))


@pytest.mark.parametrize(("device", "passes"), [("cpu", 2), ("cuda", 3)])
def test_seconds_are_those_of_predict_without_reading_and_without_a_warm_up(
    make_sample: MakeSample, reads_red: Any, monkeypatch: pytest.MonkeyPatch, device: str, passes: int
) -> None:
    now = [0.0]
    monkeypatch.setattr("dsmnet.inference.timing.time.perf_counter", lambda: now[0])

    place = torch.device(device)

    class Slow(reads_red):  # type: ignore[misc]
        device = place

        def predict(self, *args: Any) -> Any:
            now[0] += 2.0 if self.ranges or self.device.type == "cpu" else 50.0
            return super().predict(*args)

    class SlowDisk(list):
        def __getitem__(self, index: Any) -> Any:
            now[0] += 100.0
            return super().__getitem__(index)

    matcher = Slow()
    samples = SlowDisk([make_sample("a"), make_sample("b")])
    result = evaluate_set(matcher, samples, progress=False)  # type: ignore[arg-type]
    assert result.seconds_per_image == 2.0
    assert len(matcher.ranges) == passes


def test_results_have_the_agreed_form_and_are_strict_json(reads_red, make_sample):
    sets: Any = {
        "one": [make_sample("a", noc=LEFT), make_sample("b", noc=LEFT)],
        "none": [make_sample("c", valid=np.s_[:0, :])],
    }
    seen: list[tuple[str, str, int]] = []
    results = evaluate(
        reads_red(offset=1.5),
        sets,
        baselines={"sgbm": reads_red()},
        checkpoint="w.ckpt",
        progress=False,
        on_image=[lambda name, sample, _, mask: seen.append((name, sample["name"], int(mask.sum())))],
    )
    results = json.loads(json.dumps(results.to_dict(), allow_nan=False))
    assert results["checkpoint"] == "w.ckpt"
    assert {"pixels": "noc", "ground_truth_below": None, "average": "image"}.items() <= results[
        "protocol"
    ].items()
    assert {"model", "norm", "parameters", "sets"} <= results.keys()
    one = results["sets"]["one"]
    assert (one["images"], one["pixels"], one["epe"], one["bad1"], one["bad2"]) == (2, 30, 1.5, 100, 0)
    keys = {"epe", "bad1", "bad2", "bad3", "d1"}
    assert keys | {"images", "pixels", "seconds_per_image", "per_image"} <= one.keys()
    assert all(keys | {"name", "pixels"} <= image.keys() for image in one["per_image"])
    assert results["sets"]["none"]["skipped"] == ["c"]
    assert results["baselines"]["sgbm"]["sets"]["one"]["epe"] == 0
    assert seen == [("one", "a", 15), ("one", "b", 15)]  # pictures of the matcher, not of the baseline


def test_describe_names_a_network_by_its_configuration_and_others_by_their_class(reads_red):
    net: Any = torch.nn.Linear(3, 4)
    net.config = {"model": "dsmnet_lite", "norm": "domain", "network": {}}
    assert matcher_result(net, {}) == MatcherResult({}, "dsmnet_lite", "domain", 16)
    assert matcher_result(reads_red(), {}) == MatcherResult({}, "readsred")
