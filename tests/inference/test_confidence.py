"""Confidence: the two cues by hand, and with every network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dsmnet import build_model
from dsmnet.config import config_dir
from dsmnet.errors import UserError
from dsmnet.inference import StereoPredictor
from dsmnet.inference.confidence import (
    TOLERANCE,
    UNSEEN,
    confidence_cue,
    consistency,
    predict_with_confidence,
    predict_with_cues,
    sharpness,
)
from dsmnet.types import Matcher


def views(height: int = 40, width: int = 70, shift: int = 4) -> tuple[np.ndarray, np.ndarray]:
    scene = np.random.default_rng(0).integers(0, 256, (height, width + shift, 3), np.uint8)
    return scene[:, :width], np.ascontiguousarray(scene[:, shift:])


def test_sharpness_is_the_share_on_the_two_planes_around_the_answer() -> None:
    torch.manual_seed(0)
    scores = 3 * torch.randn(2, 1, 7, 3, 5)
    planes = torch.rand(2, 1, 3, 5) * 9 - 1.5  # also outside the planes
    found = sharpness(scores, planes)
    for n, y, x in np.ndindex(2, 3, 5):
        share = scores[n, 0, :, y, x].softmax(0)
        below = min(max(int(np.floor(planes[n, 0, y, x].item())), 0), 5)
        assert found[n, 0, y, x] == pytest.approx((share[below] + share[below + 1]).item(), abs=1e-6)
    planes[0, 0, 1, 2] = torch.nan
    assert torch.isfinite(sharpness(scores, planes)).all()
    assert (sharpness(torch.zeros(1, 1, 1, 2, 2), torch.zeros(1, 1, 2, 2)) == 1).all()  # a single plane
    huge, planes = torch.full((1, 1, 8, 2, 3), 1e9), torch.full((1, 1, 2, 3), 2.5)
    torch.testing.assert_close(sharpness(huge, planes), torch.full((1, 1, 2, 3), 2 / 8))


def test_consistency_by_a_plain_loop() -> None:
    rng = np.random.default_rng(1)
    left, right = (rng.uniform(0, 6, (4, 9)).astype(np.float32) for _ in range(2))
    found = consistency(left, right)
    for y, x in np.ndindex(left.shape):
        place = x - left[y, x]
        expected = UNSEEN
        if place >= 0:
            there = np.interp(place, np.arange(9), right[y])
            expected = 1 / (1 + ((there - left[y, x]) / TOLERANCE) ** 2)
        assert found[y, x] == pytest.approx(expected, abs=1e-5)


def test_consistency_of_what_is_no_number_is_none() -> None:
    left = np.array([[np.nan, 1, np.inf, 1, 1]], np.float32)
    right = np.array([[1, 1, 1, np.nan, 1]], np.float32)
    found = consistency(left, right)
    assert found[0, 0] == 0
    assert found[0, 4] == 0
    assert np.isfinite(found).all()
    assert consistency(np.zeros((2, 1), np.float32), np.zeros((2, 1), np.float32)).tolist() == [[1], [1]]


class Shifted(Matcher):
    """Knows that everything is 4 px away, in the mirrored pair too; without a distribution."""

    def __init__(self) -> None:
        self.asked: list[np.ndarray] = []

    def predict(self, left: np.ndarray, right: np.ndarray, max_disparity: int | None = None) -> np.ndarray:
        self.asked.append(left)
        return np.full(left.shape[:2], 4, np.float32)


def test_the_second_pass_sees_the_mirrored_exchanged_pair() -> None:
    left, right = views()
    matcher = Shifted()
    disparity, confidence = predict_with_confidence(matcher, left, right, 16)
    np.testing.assert_array_equal(matcher.asked[1], right[:, ::-1])
    assert (disparity == 4).all()
    assert (confidence[:, 4:] == 1).all()
    assert (confidence[:, :4] == UNSEEN).all()


def test_a_matcher_without_a_distribution_has_no_sharpness() -> None:
    assert list(predict_with_cues(Shifted(), *views())[1]) == ["consistency"]
    for cue, message in (
        ("sharpness", "confidence=sharpness: this matcher hands out no distribution"),
        ("lots", "confidence=lots: expected true, false or one of both"),
    ):
        with pytest.raises(UserError, match=message):
            predict_with_confidence(Shifted(), *views(), cue=cue)
    assert [confidence_cue(option) for option in (False, True, "sharpness")] == [None, "both", "sharpness"]


class Forward(torch.nn.Module):
    """Has of a network what predicting takes, as one that runs in another backend; no volumes."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net
        self.normalize, self.divisor, self.smallest = net.normalize, net.divisor, net.smallest

    def forward(self, left: torch.Tensor, right: torch.Tensor, max_disparity: int | None = None) -> Any:
        return self.net(left, right, max_disparity)


def test_a_network_of_another_backend_predicts_and_has_consistency(tiny: StereoPredictor) -> None:
    other = StereoPredictor(Forward(tiny.net), {})  # type: ignore[arg-type]
    np.testing.assert_array_equal(other.predict(*views(), 32), tiny.predict(*views(), 32))
    assert (tiny.has_sharpness, other.has_sharpness) == (True, False)
    assert list(predict_with_cues(other, *views(), 32)[1]) == ["consistency"]
    with pytest.raises(UserError, match="backend=torch"):
        other.predict_with_confidence(*views(), 32, "sharpness")


def test_a_wild_answer_is_not_trusted() -> None:
    class Wild(Shifted):
        def predict(self, left: np.ndarray, *_: Any) -> np.ndarray:
            answer = super().predict(left, left)
            answer[3, 20] = np.nan
            return answer

    _, confidence = predict_with_confidence(Wild(), *views())
    assert confidence[3, 20] == 0
    assert np.isfinite(confidence).all()


@pytest.fixture(scope="module")
def tiny() -> StereoPredictor:
    torch.manual_seed(0)
    return build_model("tiny").eval()


@pytest.mark.parametrize("cue", ["both", "sharpness", "consistency"])
def test_the_disparity_is_that_of_predict(tiny: StereoPredictor, cue: str) -> None:
    left, right = views(37, 91)
    disparity, confidence = tiny.predict_with_confidence(left, right, 32, cue)
    np.testing.assert_array_equal(disparity, tiny.predict(left, right, 32))
    assert confidence.shape == disparity.shape
    assert confidence.dtype == np.float32
    assert 0 <= confidence.min() < confidence.max() <= 1


def test_both_is_the_product_of_arrays_and_of_tensors(tiny: StereoPredictor) -> None:
    _, cues = predict_with_cues(tiny, *views(), 32)
    _, both = tiny.predict_with_confidence(*views(), 32)
    np.testing.assert_allclose(both, cues["sharpness"] * cues["consistency"], rtol=1e-6)
    tensors = [torch.from_numpy(view).permute(2, 0, 1) for view in views()]
    _, of_tensors = tiny.predict_with_confidence(*tensors, 32)
    np.testing.assert_allclose(of_tensors, both, atol=1e-5)


@pytest.mark.parametrize("name", sorted(path.stem for path in (config_dir() / "model").glob("*.yaml")))
def test_every_network_knows_where_its_planes_lie(name: str) -> None:
    """A volume with one plane far above the others: the answer lies on it, and is sharp."""
    net = build_model(name).eval().net
    assert StereoPredictor(net, {}).has_sharpness
    if not net.has_range:  # it has no planes, and is the same whatever is asked for
        assert net.planes(64) == net.planes(640)
        return
    planes = net.planes(64)
    scores = torch.zeros(1, 1, planes, 2, 3)
    scores[:, :, 5] = 200.0
    with torch.inference_mode():
        answer = net.regression(scores)
        # At the scores' own size it counts planes, at full size pixels.
        answer = answer * net.stride if answer.shape[-1] == 3 else F.avg_pool2d(answer, net.stride)
    torch.testing.assert_close(net.plane_of(answer, planes), torch.full((1, 1, 2, 3), 5.0), atol=0.51, rtol=0)
    assert sharpness(scores, net.plane_of(answer, planes)).min() > 0.99
    assert sharpness(scores, net.plane_of(answer + 3 * net.stride, planes)).max() < 0.01


def test_real_pairs_are_ordered_far_better_than_by_chance(real_data: Path) -> None:
    from dsmnet import load_model
    from dsmnet.datasets.middlebury import Middlebury
    from dsmnet.evaluation.sparsification import sparsification_curve as curve

    pair = Middlebury(real_data / "MiddEval3", resolution="Q")[0]
    net = load_model(device="cpu")
    disparity, confidence = net.predict_with_confidence(pair["left"], pair["right"], 80)
    known = pair["valid"] & pair.get("noc", pair["valid"])
    error = np.abs(disparity - pair["disparity"])[known]
    best, found = curve(error, -error).mean(), curve(error, confidence[known]).mean()
    assert found - best < 0.4 * (error.mean() - best)
