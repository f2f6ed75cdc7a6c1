"""After any transform the disparity still explains the right view, of procedural and of recorded pairs."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from omegaconf import OmegaConf

from dsmnet.augment import Compose, RandomCrop, RandomHorizontalFlip, RandomScaleCrop, RandomShift, Transform
from dsmnet.augment.camera import DEFAULTS
from dsmnet.augment.fields import MAPS
from dsmnet.config import compose, config_dir, instantiate
from dsmnet.synthetic import SyntheticStereo
from dsmnet.types import StereoSample

YAMLS = sorted(path.stem for path in (config_dir() / "transform").glob("*.yaml"))
SIZE = (96, 192)
Floats = NDArray[np.float32]


@functools.cache
def from_yaml(name: str, height: int = SIZE[0], width: int = SIZE[1], rows_meet: bool = False) -> Any:
    size = [f"crop.height={height}", f"crop.width={width}", "paths.output=unused"]
    transform = compose("train", [f"transform={name}", *size]).transform
    if rows_meet and "vertical" in transform.get("steps", {}):
        transform.steps.vertical = None
    return instantiate(transform)


@pytest.fixture(scope="module")
def pairs() -> list[StereoSample]:
    """What perfect cameras see, with the exact disparity of both views."""
    off = {name: {"probability": 0.0} for name in DEFAULTS}
    patterns = {"noise": 1.0, "wood": 1.0, "dead_leaves": 1.0}
    plain = {"glints": 0.0, "reflections": 0.0, "glare": 0.0}
    data = SyntheticStereo(size=(160, 320), largest_disparity=64, camera=off, patterns=patterns, **plain)
    return [data[index] for index in range(12)]


def likeness(sample: StereoSample, error: float = 0.0) -> float:
    """Correlation of the fine structure of left (x) and right (x - d - error), over points that both see."""
    left, right = brightness(sample["left"]), brightness(sample["right"])
    left, right = left - cv2.GaussianBlur(left, (0, 0), 4), right - cv2.GaussianBlur(right, (0, 0), 4)
    moved, inside = warp(right, sample["disparity"] + np.float32(error))
    mask = sample.get("noc", sample["valid"]) & inside
    return float(np.corrcoef(left[mask], moved[mask])[0, 1])


def brightness(image: NDArray[np.uint8]) -> Floats:
    return np.ascontiguousarray(image).mean(axis=-1, dtype=np.float32)


def warp(right: Floats, disparity: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """What the right view shows at x - disparity, and where that lies in it."""
    rows, columns = np.indices(right.shape, dtype=np.float32)
    source = columns - disparity
    inside = (source >= 0) & (source <= right.shape[1] - 1)
    return np.asarray(cv2.remap(right, source, rows, cv2.INTER_CUBIC)), inside


def assert_ground_truth_fits(samples: list[StereoSample], least: float, gap: float) -> None:
    """The ground truth explains each pair best; all together well, and clearly worse a pixel beside it."""
    target = np.array([likeness(sample) for sample in samples])
    beside = np.array([[likeness(sample, error) for error in (-1, 1)] for sample in samples])
    assert (target[:, None] > beside).all()
    assert target.mean() > least
    assert (target.mean() - beside.mean(axis=0)).min() > gap


@pytest.mark.parametrize("name", YAMLS)
def test_disparity_explains_the_right_view(name: str, pairs: list[StereoSample]) -> None:
    assert_ground_truth_fits(pairs, least=0.9, gap=0.05)
    transform = from_yaml(name, rows_meet=True)  # a disparity explains columns alone
    changed = [transform(pair, np.random.default_rng(seed)) for seed, pair in enumerate(pairs)]
    assert_ground_truth_fits(changed, least=0.8, gap=0.05)


@pytest.mark.parametrize("name", YAMLS)
def test_same_seed_same_pair_and_nothing_is_written_to_the_input(
    name: str, pairs: list[StereoSample]
) -> None:
    transform, pair = from_yaml(name), pairs[0]
    maps: dict[str, Any] = {key: value for key, value in pair.items() if key in MAPS}
    before = {key: value.copy() for key, value in maps.items()}
    for value in maps.values():
        value.setflags(write=False)
    try:
        first, again, other = (transform(pair, np.random.default_rng(seed)) for seed in (4, 4, 5))
    finally:
        for value in maps.values():
            value.setflags(write=True)
    for key, value in before.items():
        np.testing.assert_array_equal(maps[key], value)
    assert first.keys() == again.keys()
    for key in first.keys() & before.keys():
        np.testing.assert_array_equal(first[key], again[key])
    assert (first["left"] != other["left"]).any()


@pytest.mark.parametrize("name", YAMLS)
def test_maps_keep_their_kind_and_belong_together(name: str, pairs: list[StereoSample]) -> None:
    transform = from_yaml(name)
    for seed, pair in enumerate(pairs[:6]):
        pair = {**pair, "foreground": pair["disparity"] > np.median(pair["disparity"])}
        changed: dict[str, Any] = transform(pair, np.random.default_rng(seed))
        assert {"left", "right", "disparity", "valid", "noc"} <= changed.keys()
        for key in changed.keys() & set(MAPS):
            assert changed[key].shape[:2] == SIZE
            assert changed[key].dtype == pair[key].dtype
        assert (changed["valid"] | ~changed["noc"]).all()
        assert (changed["disparity"][changed["valid"]] > 0).all()
        assert not changed["disparity"][~changed["valid"]].any()


@pytest.mark.parametrize("name", YAMLS)
@pytest.mark.parametrize("parts", [(), ("disparity", "valid")])
def test_pairs_with_little_or_no_ground_truth_pass(
    name: str, parts: tuple[str, ...], pairs: list[Any]
) -> None:
    pair = {key: pairs[0][key] for key in ("left", "right", "name", "dataset", *parts)}
    for seed in range(4):
        changed = from_yaml(name)(pair, np.random.default_rng(seed))
        assert changed.keys() - {"clean_left", "clean_right"} == pair.keys()
        assert changed["left"].shape == (*SIZE, 3)


GEOMETRY = {
    "crop": RandomCrop(96, 192),
    "shift": RandomShift(20),
    "smaller": RandomScaleCrop(96, 192, min_scale=-0.6, max_scale=-0.3),
    "larger": RandomScaleCrop(96, 192, min_scale=0.3, max_scale=0.8),
    "exchanged": RandomHorizontalFlip(1.0),
    "all": Compose([RandomShift(3), RandomScaleCrop(96, 192, -0.4, 0.8), RandomHorizontalFlip(0.5)]),
}


@pytest.mark.parametrize("name", GEOMETRY)
def test_disparity_is_exact_below_a_twentieth_of_a_pixel(name: str, pairs: list[StereoSample]) -> None:
    """The shift that would still improve the match, block by block, is zero in the median; 0.1 px is seen."""
    transform: Transform = GEOMETRY[name]
    changed = [transform(pair, np.random.default_rng(seed)) for seed, pair in enumerate(pairs)]
    assert abs(remaining_shift(changed, 0.0)) < 0.03
    assert 0.05 < remaining_shift(changed, 0.1) < 0.15


def remaining_shift(samples: list[StereoSample], error: float) -> float:
    """Median over blocks of the shift by which left (x) and right (x - d - error) still differ, pixels."""
    found: list[Floats] = []
    for sample in samples:
        left, disparity = brightness(sample["left"]), np.ascontiguousarray(sample["disparity"])
        warped, inside = warp(brightness(sample["right"]), disparity + np.float32(error))
        slope = (np.gradient(warped, axis=1) + np.gradient(left, axis=1)) / 2
        mask = away_from_edges(disparity) & sample["noc"] & inside
        whole, product, square = (
            blocks(part * mask) for part in (np.ones_like(left), slope * (left - warped), slope * slope)
        )
        use = (whole == 1) & (square > 4)
        found.append(product[use] / square[use])
    assert sum(len(values) for values in found) > 60
    return float(np.median(np.concatenate(found)))


def away_from_edges(disparity: Floats) -> NDArray[np.bool_]:
    kernel = np.ones((5, 5), np.uint8)
    return np.asarray(cv2.dilate(disparity, kernel) - cv2.erode(disparity, kernel)) < 2


def blocks(values: Floats, side: int = 12) -> Floats:
    height, width = (size // side for size in values.shape)
    cut = values[: height * side, : width * side]
    return cut.reshape(height, side, width, side).mean(axis=(1, 3))


REAL = {"kitti2015": "sparse", "middlebury": "dsmnet", "sceneflow": "full"}


@pytest.mark.real_data
@pytest.mark.parametrize("name", REAL)
def test_ground_truth_of_recorded_pairs_still_fits(name: str, real_data: Path) -> None:
    """In the mean over seeds, two pixels beside it: KITTI's own fits best a third of a pixel lower."""
    cfg = OmegaConf.create({"paths": {"data": str(real_data)}})
    cfg.set = OmegaConf.load(config_dir() / "dataset" / f"{name}.yaml")
    if not Path(cfg.set.root).is_dir():
        pytest.skip(f"{cfg.set.root} is not there")
    sample = instantiate(cfg.set)[0]
    transform = from_yaml(REAL[name], 192, 320)
    changed = [transform(sample, np.random.default_rng(seed)) for seed in range(12)]
    target, less, more = (np.mean([likeness(pair, e) for pair in changed]) for e in (0, -2, 2))
    assert target > 0.6
    assert target > max(less, more) + 0.1
    assert target > likeness(sample) - 0.15
