"""Sparsification curves by hand, and as a part of an evaluation."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet.config import compose, instantiate
from dsmnet.evaluation import EvaluationProtocol, cross_domain_evaluation
from dsmnet.evaluation.json_numbers import json_numbers
from dsmnet.evaluation.sparsification import (
    KEPT,
    Sparsification,
    present_confidence,
    sparsification_curve,
)
from dsmnet.types import Matcher


def test_a_curve_by_a_plain_loop():
    rng = np.random.default_rng(0)
    errors, confidence = rng.exponential(1, 337), rng.uniform(0, 1, 337)
    ordered = errors[np.argsort(-confidence)]
    expected = [ordered[: max(round(share * 337), 1)].mean() for share in KEPT]
    np.testing.assert_allclose(sparsification_curve(errors, confidence), expected)


def test_the_order_of_equal_confidence_says_nothing():
    errors = np.array([0.0, 0, 0, 8])
    np.testing.assert_allclose(sparsification_curve(errors, np.ones(4)), 2)
    np.testing.assert_allclose(sparsification_curve(errors, np.array([1, 1, 0, 0]))[KEPT <= 0.5], 0)


def test_the_oracle_is_the_lower_bound_and_its_opposite_the_upper():
    errors = np.random.default_rng(0).exponential(1, 1000)
    confidence = np.random.default_rng(1).uniform(0, 1, 1000)
    assert (sparsification_curve(errors, -errors) <= sparsification_curve(errors, confidence) + 1e-9).all()
    assert (sparsification_curve(errors, confidence) <= sparsification_curve(errors, errors) + 1e-9).all()
    assert sparsification_curve(errors, confidence)[-1] == pytest.approx(errors.mean())


class KnowsItsErrors(Matcher):
    """Answers with the ground truth plus the green channel, and is the less sure the more it adds."""

    has_sharpness = True

    def __init__(self, honest: bool = True) -> None:
        self.honest = honest

    def predict(self, left: np.ndarray, right: np.ndarray, max_disparity: int | None = None) -> np.ndarray:
        return left[..., 0].astype(np.float32) + left[..., 1]

    def predict_with_sharpness(
        self, left: np.ndarray, right: np.ndarray, max_disparity: int | None = None
    ) -> Any:
        trust = 1 / (1 + left[..., 1].astype(np.float32))
        return self.predict(left, right), trust if self.honest else 1 - trust


@pytest.fixture
def uneven(make_sample: Callable[..., Any]) -> Callable[..., Any]:
    def make(name: str, size: tuple[int, int], worst: int) -> Any:
        sample = make_sample(name, size)
        sample["left"][..., 1] = np.arange(np.prod(size)).reshape(size) % (worst + 1)
        return sample

    return make


@pytest.mark.parametrize(("honest", "gain"), [(True, 1.0), (False, -1.0)])
def test_an_honest_confidence_gains_all_a_lying_one_loses(uneven, honest, gain):
    matcher = KnowsItsErrors(honest)
    watcher = Sparsification(matcher, EvaluationProtocol())
    for sample in (uneven("a", (10, 20), 9), uneven("b", (8, 30), 4)):
        prediction = matcher.predict(sample["left"], sample["right"])
        watcher("made", sample, prediction, sample["valid"])
    entry = json_numbers(watcher.results())["sets"]["made"]
    assert entry["images"] == 2
    for metric in ("epe", "bad1", "bad3"):
        found = entry[metric]["sharpness"]
        assert found["gain"] == pytest.approx(gain, abs=0.4 if gain < 0 else 1e-9)
        assert found["ause"] == pytest.approx(found["area"] - entry[metric]["oracle"]["area"], abs=1e-5)


@pytest.mark.parametrize(
    ("average", "expected"), [("image", (4.5 + 2) / 2), ("pixel", (4.5 * 200 + 2 * 240) / 440)]
)
def test_images_count_as_in_the_table(uneven, average, expected):
    matcher = KnowsItsErrors()
    watcher = Sparsification(matcher, EvaluationProtocol(average=average))
    for sample in (uneven("a", (10, 20), 9), uneven("b", (8, 30), 4)):
        watcher("made", sample, matcher.predict(sample["left"], sample["right"]), sample["valid"])
    entry = json_numbers(watcher.results())["sets"]["made"]["epe"]
    assert entry["random"]["area"] == pytest.approx(expected)
    assert entry["both"]["curve"][-1] == pytest.approx(expected)


def test_a_matcher_without_a_distribution_has_consistency_alone(uneven, reads_red, tmp_path, capsys):
    watcher = Sparsification(matcher := reads_red(1), EvaluationProtocol())
    sample = uneven("a", (10, 60), 9)
    watcher("made", sample, matcher.predict(sample["left"], sample["right"]), sample["valid"])
    found = json_numbers(watcher.results())
    assert found["sets"]["made"]["epe"].keys() == {"consistency", "oracle", "random"}
    assert found["sets"]["made"]["epe"]["consistency"]["gain"] is None  # all errors are the same
    present_confidence(watcher.results(), "red", tmp_path)
    assert "consistency" in capsys.readouterr().out
    assert (tmp_path / "sparsification.png").is_file()


def test_an_answer_that_is_no_number_is_an_infinite_error(uneven):
    sample = uneven("a", (10, 20), 9)
    matcher = KnowsItsErrors()
    prediction = matcher.predict(sample["left"], sample["right"])
    prediction[0, 0] = np.nan
    watcher = Sparsification(matcher, EvaluationProtocol())
    watcher("made", sample, prediction, sample["valid"])
    entry = json_numbers(watcher.results())["sets"]["made"]
    assert entry["epe"]["random"]["area"] is None
    assert entry["epe"]["oracle"]["curve"][-1] is None
    assert entry["epe"]["oracle"]["curve"][0] == 0
    assert entry["bad3"]["sharpness"]["gain"] is not None
    json.dumps(entry, allow_nan=False)


def test_an_evaluation_writes_numbers_table_and_figure(tmp_path, capsys):
    small = ["eval=synthetic", "eval.sets.synthetic.images=2", "eval.sets.synthetic.dataset.size=[48,192]"]
    cfg = compose("evaluate", [*small, "confidence=true", "progress=false", f"paths.output={tmp_path}"])
    results = cross_domain_evaluation(KnowsItsErrors(), cfg, tmp_path, build=instantiate).to_dict()
    entry = results["confidence"]["sets"]["synthetic"]
    assert entry["epe"]["both"]["curve"][-1] == pytest.approx(results["sets"]["synthetic"]["epe"], rel=1e-5)
    assert entry["bad3"]["random"]["area"] == pytest.approx(results["sets"]["synthetic"]["bad3"], rel=1e-5)
    assert json.loads((tmp_path / "results.json").read_text())["confidence"] == results["confidence"]
    shown = capsys.readouterr().out
    table = (tmp_path / "sparsification.md").read_text()
    for order in ("sharpness", "consistency", "both", "oracle", "random"):
        assert order in shown
        assert f"| {order} |" in table
    assert cv2.imread(str(tmp_path / "sparsification.png")).shape[1] > 600


def test_without_the_option_nothing_is_matched_again(tmp_path):
    small = ["eval=synthetic", "eval.sets.synthetic.images=1", "eval.sets.synthetic.dataset.size=[48,192]"]
    cfg = compose("evaluate", [*small, "progress=false", f"paths.output={tmp_path}"])
    results = cross_domain_evaluation(KnowsItsErrors(), cfg, tmp_path, build=instantiate).to_dict()
    assert "confidence" not in results
    assert not (tmp_path / "sparsification.png").exists()
