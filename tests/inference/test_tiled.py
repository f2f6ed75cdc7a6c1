"""Tiled prediction: exact where the inner matcher is, no seams, bounded memory at full size."""

from __future__ import annotations

import subprocess
import sys
from typing import ClassVar

import numpy as np
import pytest

from dsmnet import load_model
from dsmnet.errors import ShapeError, UserError
from dsmnet.inference import StereoPredictor
from dsmnet.inference.memory_estimate import GIGABYTE, estimate_memory
from dsmnet.inference.tiled import TiledMatcher, in_tiles
from dsmnet.inference.tiles import spans
from dsmnet.synthetic import SyntheticStereo
from dsmnet.types import Matcher, StereoSample


class Oracle(Matcher):
    """Finds any disparity in the range: the left view holds it and the column, the right view the column."""

    config: ClassVar = {"model": "dsmnet_lite"}  # whose memory it pretends to need

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []

    def predict(self, left: np.ndarray, right: np.ndarray, max_disparity: int | None = None) -> np.ndarray:
        assert left.shape == right.shape
        assert max_disparity
        self.asked.append((*left.shape[:2], max_disparity))
        scale = (left[0, -1, 1] - left[0, 0, 1]) / (left.shape[1] - 1)  # pixels of the whole per pixel here
        answer = (left[..., 0] - (left[0, 0, 1] - right[0, 0, 1])) / scale
        return answer.clip(0, max_disparity - 1).astype(np.float32)  # it finds nothing beyond the range

    @staticmethod
    def views(disparity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        columns = np.broadcast_to(np.arange(disparity.shape[1], dtype=np.float32), disparity.shape)
        return np.dstack([disparity, columns, columns]), np.dstack([disparity, columns, columns])


def slanted(height: int, width: int) -> np.ndarray:
    ys, xs = np.mgrid[:height, :width]
    return (40 + 500 * xs / width + 30 * ys / height).astype(np.float32)


@pytest.mark.parametrize("tile", [256, 300])
def test_an_exact_matcher_stays_exact(tile: int):
    target, oracle = slanted(500, 1400), Oracle()
    found = TiledMatcher(oracle, tile, overlap=32).predict(*Oracle.views(target), 640)
    np.testing.assert_allclose(found, target, atol=0.01)
    coarse, *tiles = oracle.asked
    assert coarse[2] <= 192
    assert len(tiles) == len(spans(500, tile, 32)) * len(spans(1400, tile, 32))
    assert np.median([reach for _, _, reach in tiles]) < 640 / 3


class BoundlessOracle(Oracle):
    """Finds any disparity, whatever range it is told."""

    has_range = False

    def predict(self, left: np.ndarray, right: np.ndarray, max_disparity: int | None = None) -> np.ndarray:
        super().predict(left, right, max_disparity)
        return Oracle.predict(Oracle(), left, right, 10**6)


def test_a_matcher_without_a_range_is_not_bounded_by_that_of_the_tiles():
    target = slanted(300, 900)
    bounded = TiledMatcher(Oracle(), 256, overlap=32).predict(*Oracle.views(target), 64)
    assert np.abs(bounded - target).max() > 100
    found = TiledMatcher(BoundlessOracle(), 256, overlap=32).predict(*Oracle.views(target), 64)
    np.testing.assert_allclose(found, target, atol=0.01)


class SharpOracle(Oracle):
    """Also sure of each pixel as far as its column says, in thousandths."""

    has_sharpness = True

    def predict_with_sharpness(
        self, left: np.ndarray, right: np.ndarray, reach: int
    ) -> tuple[np.ndarray, ...]:
        return self.predict(left, right, reach), left[..., 1] / 1000


def test_sharpness_comes_from_the_tiles():
    target = slanted(300, 900)
    assert not TiledMatcher(Oracle()).has_sharpness
    matcher = TiledMatcher(SharpOracle(), 256, overlap=32)
    assert matcher.has_sharpness
    disparity, sharpness = matcher.predict_with_sharpness(*Oracle.views(target), 640)
    np.testing.assert_allclose(disparity, target, atol=0.5)
    np.testing.assert_allclose(sharpness, np.broadcast_to(np.arange(900) / 1000, (300, 900)), atol=0.002)
    disparity, sharpness = TiledMatcher(SharpOracle()).predict_with_sharpness(*Oracle.views(target), 640)
    assert np.array_equal(sharpness, Oracle.views(target)[0][..., 1] / 1000)


def test_tiles_beyond_the_memory_are_matched_smaller():
    target, oracle = slanted(1200, 1400), Oracle()
    found = TiledMatcher(oracle, 1024, overlap=64, memory=1.0).predict(*Oracle.views(target), 640)
    np.testing.assert_allclose(found, target, atol=2)
    assert max(estimate_memory(oracle).bytes_for(*size) for size in oracle.asked) < 1.02 * GIGABYTE


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tile": 10}, "tile=10: expected auto, null or at least 128"),
        ({"tile": -512}, "tile=-512"),
        ({"tile": "big"}, "tile=big"),
        ({"tile": 300.5}, r"tile=300\.5"),
        ({"tile": True}, "tile=True"),
        ({"overlap": -1}, "overlap=-1: expected a whole number of pixels .* from 0 to 256"),
        ({"tile": 256, "overlap": 256}, "overlap=256: expected .* from 0 to 128"),
        ({"overlap": 1.5}, r"overlap=1\.5"),
        ({"memory": 0}, "memory=0: expected a number of GB of at least 1"),
        ({"memory": float("nan")}, "memory=nan"),
        ({"memory": "all"}, "memory=all"),
    ],
)
def test_mistakes_are_named(arguments: dict[str, object], message: str):
    with pytest.raises(UserError, match=message):
        TiledMatcher(Oracle(), **arguments)  # type: ignore[arg-type]


def test_views_of_different_size_are_named():
    with pytest.raises(ShapeError, match=r"left \(300, 400, 3\), right \(300, 401, 3\)"):
        TiledMatcher(Oracle(), 128).predict(np.zeros((300, 400, 3)), np.zeros((300, 401, 3)), 64)


@pytest.fixture(scope="module")
def net() -> StereoPredictor:
    return load_model(device="cpu")


@pytest.fixture(scope="module")
def pairs() -> list[StereoSample]:
    _, validation = SyntheticStereo(size=(384, 768)).split_validation()
    return [validation[index] for index in (0, 4)]


@pytest.fixture(scope="module")
def whole(net: StereoPredictor, pairs: list[StereoSample]) -> list[np.ndarray]:
    return [net.predict(pair["left"], pair["right"], 96) for pair in pairs]


@pytest.fixture(scope="module")
def tiled(net: StereoPredictor, pairs: list[StereoSample]) -> list[np.ndarray]:
    return [TiledMatcher(net, 256).predict(pair["left"], pair["right"], 96) for pair in pairs]


def test_what_fits_is_matched_as_a_whole(
    net: StereoPredictor, pairs: list[StereoSample], whole: list[np.ndarray]
):
    left, right = pairs[0]["left"], pairs[0]["right"]
    for matcher in (TiledMatcher(net), TiledMatcher(net, tile=768), in_tiles(net, None, 64, 6.0)):
        assert np.array_equal(matcher.predict(left, right, 96), whole[0])
    assert in_tiles(net, None, 64, 6.0) is net


def test_tiles_find_what_the_whole_finds(
    pairs: list[StereoSample], whole: list[np.ndarray], tiled: list[np.ndarray]
):
    for pair, first, second in zip(pairs, whole, tiled, strict=True):
        seen = pair["noc"]
        change = np.abs(second - first)[seen]
        errors = [np.abs(found - pair["disparity"])[seen].mean() for found in (first, second)]
        assert np.median(change) < 0.1
        assert change.mean() < 0.4
        assert errors[1] < errors[0] + 0.15


def test_there_are_no_seams(
    net: StereoPredictor, pairs: list[StereoSample], whole: list[np.ndarray], tiled: list[np.ndarray]
):
    """What tiling changes has no larger steps where a tile ends than elsewhere; without overlap it has."""
    abrupt = TiledMatcher(net, 256, overlap=0).predict(pairs[0]["left"], pairs[0]["right"], 96)
    assert _steps(tiled[0] - whole[0], 64) < 1.5
    assert _steps(abrupt - whole[0], 0) > 2.5


def _steps(change: np.ndarray, overlap: int) -> float:
    """Mean step between neighbouring pixels across the ends of tiles, relative to the mean elsewhere.

    A step counts up to 1 px: what is sought is a faint line, and not the edge of a surface.
    """
    at_ends, elsewhere = [], []
    for map_ in (change, change.T):
        steps = np.minimum(np.abs(np.diff(map_, axis=1)), 1).mean(0)
        ends = {edge for span in spans(map_.shape[1], 256, overlap) for edge in span} - {0, map_.shape[1]}
        at = np.isin(np.arange(1, map_.shape[1]), sorted(ends))
        at_ends += list(steps[at])
        elsewhere += list(steps[~at])
    return float(np.mean(at_ends) / np.mean(elsewhere))


MEMORY = """
import sys
import numpy as np
from dsmnet import load_model
from benchmarks.memory import peak
from dsmnet.synthetic import SyntheticStereo
from dsmnet.inference.tiled import TiledMatcher

height, width, most, memory = map(float, sys.argv[1:])
scenes = SyntheticStereo(size=(int(height), int(width)), largest_disparity=most, min_near=0.9375 * most)
pair, matcher = scenes[2], TiledMatcher(load_model(device="cpu"), memory=memory)
disparity = matcher.predict(pair["left"], pair["right"], int(most))
error = np.abs(disparity - pair["disparity"])[pair["noc"]]
print(peak(False) * 2**20 / 1e9, error.mean(), np.median(error), pair["disparity"].max())
"""


@pytest.mark.parametrize(
    ("size", "memory"),
    [
        ((800, 1200, 320), 1.6),  # as a whole 2.5 GB
        pytest.param((2000, 3000, 800), 6, marks=pytest.mark.slow),  # two minutes
    ],
)
def test_tiles_of_a_large_pair_fit_the_memory(size: tuple[int, int, int], memory: float) -> None:
    command = [sys.executable, "-c", MEMORY, *map(str, size), str(memory)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    gigabytes, error, median, nearest = map(float, run.stdout.split())
    assert nearest > 0.8125 * size[2]
    assert gigabytes < memory
    assert median < 0.5
    assert error < 1
