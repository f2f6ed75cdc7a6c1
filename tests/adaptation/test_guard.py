from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dsmnet.adaptation.guard import Verdict, compare_on_source, compare_on_target, reasons
from dsmnet.synthetic import SyntheticStereo
from dsmnet.types import DisparityMap, Matcher, StereoSample

SIZE = (128, 256)


@pytest.fixture(scope="module")
def samples() -> list[StereoSample]:
    camera = {
        name: {"probability": 0.0} for name in ("gain", "gamma", "noise", "blur", "vertical", "clipping")
    }
    scenes = SyntheticStereo(size=SIZE, largest_disparity=48, camera=camera, reflections=0, glints=0)
    return [scenes[index] for index in range(3)]


class Truth(Matcher):
    """The ground truth of the pairs, with an error on a share of the rows; both views alike."""

    def __init__(self, samples: list[StereoSample], error: float = 0.0, rows: float = 0.0) -> None:
        self.samples, self.error, self.rows = samples, error, rows

    def predict(self, left: Any, right: Any, max_disparity: int | None = None) -> DisparityMap:
        for sample in self.samples:
            if np.array_equal(left, sample["left"]):
                disparity = sample["disparity"].copy()
                disparity[: int(self.rows * len(disparity))] += self.error
                return disparity
            if np.array_equal(left[:, ::-1], sample["right"]):
                return sample["right_disparity"][:, ::-1]
        raise AssertionError("a pair that is not among the samples")


def test_a_better_network_is_better_in_every_score(samples: list[StereoSample]) -> None:
    worse, better = Truth(samples, error=6.0, rows=0.5), Truth(samples)
    for verdict in compare_on_target(worse, better, better, samples):
        assert verdict.after <= verdict.before
        assert not verdict.worse
    found = {verdict.score: verdict for verdict in compare_on_target(better, worse, better, samples)}
    assert found["inconsistent"].worse
    assert found["contradicted"].worse
    assert found["contradicted"].after > 20


def test_the_census_sees_an_error_that_both_views_share(samples: list[StereoSample]) -> None:
    """A consistent shift of everything is found by comparing the views alone."""

    class Shifted(Truth):
        def predict(self, left: Any, right: Any, max_disparity: int | None = None) -> DisparityMap:
            return super().predict(left, right, max_disparity) + np.float32(0.9)

    verdicts = compare_on_target(Truth(samples), Shifted(samples), Truth(samples), samples)
    (unlike,) = (verdict for verdict in verdicts if verdict.score == "unlike")
    assert unlike.worse


def test_equal_networks_differ_in_nothing(samples: list[StereoSample]) -> None:
    verdicts = compare_on_target(Truth(samples), Truth(samples), Truth(samples), samples)
    assert all(verdict.before == verdict.after and verdict.noise == 0 for verdict in verdicts)
    assert reasons(verdicts) == []


def test_a_rise_within_its_noise_passes() -> None:
    rng = np.random.default_rng(0)
    before = rng.uniform(1, 2, 50)
    assert not compare_on_source(before, before + rng.normal(0, 0.3, 50)).worse
    assert compare_on_source(before, before + 0.3).worse
    assert not compare_on_source(before, before + 0.01).worse


def test_a_reason_names_the_score_and_its_numbers() -> None:
    verdicts = [Verdict("contradicted", 8.0, 9.5, 0.2), Verdict("unlike", 20.0, 19.0, 0.1)]
    assert reasons(verdicts) == ["contradicted rose from 8.00 to 9.50 (noise 0.20)"]
