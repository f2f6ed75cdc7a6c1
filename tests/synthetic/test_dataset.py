"""The procedural pairs: the same every time, well formed, and built from options that are checked."""

from __future__ import annotations

import inspect
import pickle
import random
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from dsmnet.augment.camera import DEFAULTS
from dsmnet.config import config_dir, instantiate
from dsmnet.errors import UserError
from dsmnet.synthetic import HARD_CASES, LAYOUTS, PATTERNS, SyntheticStereo
from dsmnet.types import StereoSample
from tests.synthetic.scenes import SMALL, clean, equal

Floats = NDArray[np.float32]


def test_items_do_not_depend_on_order_instance_or_process() -> None:
    data = SyntheticStereo(**SMALL, length=6)
    forward = [data[i] for i in range(6)]
    again = SyntheticStereo(**SMALL, length=6)
    assert all(equal(again[i], forward[i]) for i in (5, 2, 0, 4))
    loader = DataLoader(pickle.loads(pickle.dumps(data)), batch_size=1, num_workers=2, collate_fn=_only)
    for sample, expected in zip(loader, forward, strict=True):
        assert equal(sample, expected)


def _only(batch: list[StereoSample]) -> StereoSample:
    return batch[0]


def test_seed_and_index_make_the_difference() -> None:
    data, other = SyntheticStereo(**SMALL), SyntheticStereo(**SMALL, seed=1)
    assert not np.array_equal(data[0]["left"], data[1]["left"])
    assert not np.array_equal(data[0]["disparity"], other[0]["disparity"])


def test_length_is_nominal_and_does_not_change_items() -> None:
    short, long = SyntheticStereo(**SMALL, length=3), SyntheticStereo(**SMALL, length=1000)
    assert (len(short), len(long)) == (3, 1000)
    assert equal(short[2], long[2])
    assert equal(short[-1], short[2])
    with pytest.raises(IndexError):
        short[3]


def test_global_generators_are_left_alone() -> None:
    random.seed(5), np.random.seed(5), torch.manual_seed(5)  # noqa: NPY002
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index]  # noqa: NPY002
    first = SyntheticStereo(**SMALL)[7]
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index]  # noqa: NPY002
    assert before == after
    np.random.seed(6)  # noqa: NPY002
    assert equal(first, SyntheticStereo(**SMALL)[7])


def test_validation_split_is_apart() -> None:
    data = SyntheticStereo(**SMALL, validation_length=5)
    training, validation = data.split_validation()
    assert training is data
    assert len(validation) == 5
    seen = [training[i] for i in range(5)]
    validated = [validation[i] for i in range(5)]
    assert not {s["name"] for s in seen} & {s["name"] for s in validated}
    assert not any(np.array_equal(a["disparity"], b["disparity"]) for a in seen for b in validated)
    assert equal(validated[3], SyntheticStereo(**SMALL).split_validation()[1][3])
    tiles = [part.bank().tiles["noise"][0].levels[0] for part in (training, validation)]
    assert not np.array_equal(*tiles)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_samples_are_well_formed(layout: str) -> None:
    data = SyntheticStereo(**SMALL, layouts={layout: 1.0})
    deepest = 0.0
    for i in range(12):
        sample = data[i]
        for view in ("left", "right"):
            assert sample[view].dtype == np.uint8  # type: ignore[literal-required]
            assert sample[view].shape == (96, 192, 3)  # type: ignore[literal-required]
        for key in ("disparity", "right_disparity"):
            disparity = sample[key]  # type: ignore[literal-required]
            assert disparity.dtype == np.float32
            assert disparity.min() >= 0
            assert disparity.max() <= 48
        for key in ("valid", "right_valid", "noc"):
            assert sample[key].dtype == bool  # type: ignore[literal-required]
        assert sample["valid"].all()
        assert 0.3 < sample["noc"].mean() < 1
        assert sample["left"].std() > 3
        assert (sample["name"], sample["dataset"]) == (f"0_0_{i:06d}", "synthetic")
        deepest = max(deepest, float(sample["disparity"].max()))
    assert deepest > 24


@pytest.mark.parametrize("size", [(97, 161), (33, 250), (200, 64)])
def test_any_size(size: tuple[int, int]) -> None:
    data = SyntheticStereo(size=size, largest_disparity=30, min_near=10)
    for i in range(3):
        sample = data[i]
        assert sample["left"].shape == (*size, 3)
        assert sample["disparity"].shape == sample["noc"].shape == sample["right_disparity"].shape == size


def test_density_multiplies_the_props_of_a_scene() -> None:
    edges = []
    for density in (0.3, 2.0):
        data = clean(layouts={"random": 1.0}, density=density)
        edges.append(np.mean([(np.abs(np.diff(data[i]["disparity"])) > 1).mean() for i in range(8)]))
    assert edges[1] > 1.5 * edges[0]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"length": 0}, "length"),
        ({"validation_length": -1}, "validation_length"),
        ({"seed": -1}, "seed"),
        ({"size": (8, 384)}, "size"),
        ({"size": (192, 384, 3)}, "size"),
        ({"largest_disparity": 200}, "largest_disparity"),
        ({"min_near": 0.0}, "min_near"),
        ({"min_near": 97.0}, "min_near"),
        ({"density": 0.0}, "density"),
        ({"glints": 1.5}, "glints"),
        ({"reflections": 1.5}, "reflections"),
        ({"glare": -0.1}, "glare"),
        ({"hard_cases": {"fog": 1.0}}, r"hard_cases\.fog"),
        ({"hard_cases": {"thin": 1.5}}, r"hard_cases\.thin"),
        ({"photograph_share": -0.1}, "photograph_share"),
        ({"layouts": {"ocean": 1.0}}, r"layouts\.ocean"),
        ({"layouts": {"street": 0.0}}, "layouts"),
        ({"patterns": {"noise": -1.0}}, "patterns"),
        ({"camera": {"fisheye": {"probability": 1.0}}}, r"camera\.fisheye"),
        ({"camera": {"noise": {"sigma": 1.0}}}, r"camera\.noise\.sigma"),
        ({"camera": {"noise": {"probability": 2.0}}}, r"camera\.noise"),
        ({"camera": {"noise": {"strength": float("nan")}}}, r"camera\.noise"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=named):
        SyntheticStereo(**options)


def test_configuration_spells_every_default() -> None:
    from omegaconf import OmegaConf

    loaded = OmegaConf.load(config_dir() / "dataset" / "synthetic.yaml")
    written = OmegaConf.to_container(loaded, resolve=True)  # of the size, the defaults
    assert isinstance(written, dict)
    built = instantiate(written)
    assert isinstance(built, SyntheticStereo)
    assert written.pop("_target_") == "dsmnet.synthetic.SyntheticStereo"
    defaults = {k: p.default for k, p in inspect.signature(SyntheticStereo).parameters.items()}
    assert written.pop("camera") == {name: effect._asdict() for name, effect in DEFAULTS.items()}
    assert written.pop("layouts") == dict.fromkeys(LAYOUTS, 1.0)
    assert written.pop("hard_cases") == dict.fromkeys(HARD_CASES, 0.0)
    assert written.pop("patterns") == dict.fromkeys(PATTERNS, 1.0)
    assert tuple(written.pop("size")) == defaults["size"]
    unlisted = {"camera", "hard_cases", "layouts", "patterns", "size"}
    assert written == {k: v for k, v in defaults.items() if k not in unlisted}
    assert built.cameras.effects == DEFAULTS


# Pair 1 of each layout and width: the means of both views, of both disparities, and of the mask.
# Another release of OpenCV may move the views by a few hundredths; other scenes move them by whole units.
PAIRS = [
    ("street", 384, 99.95, 102.88, 14.896, 14.875, 0.9000),
    ("ground", 384, 122.52, 103.24, 20.466, 20.162, 0.7625),
    ("indoor", 384, 120.01, 118.03, 19.474, 19.464, 0.9369),
    ("still", 384, 92.85, 125.69, 45.179, 45.772, 0.8771),
    ("random", 384, 51.66, 48.85, 7.606, 7.796, 0.9340),
    ("street", 161, 79.80, 82.46, 11.994, 11.888, 0.8204),
    ("ground", 161, 116.84, 115.28, 14.537, 14.671, 0.7633),
    ("indoor", 161, 50.13, 44.29, 13.946, 14.289, 0.8569),
    ("still", 161, 96.28, 114.97, 31.343, 31.161, 0.7803),
    ("random", 161, 50.88, 48.26, 12.608, 13.696, 0.8530),
]


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_pair_of_a_seed_is_that_of_earlier_trainings(pair: tuple[Any, ...]) -> None:
    layout, width, left, right, disparity, right_disparity, noc = pair
    size, furthest = ((192, 384), 96) if width == 384 else ((97, 161), 48)
    options = {"glints": 0.5, "reflections": 0.0, "glare": 0.0}
    sample = SyntheticStereo(layouts={layout: 1.0}, size=size, largest_disparity=furthest, **options)[1]
    assert [sample[view].mean() for view in ("left", "right")] == pytest.approx([left, right], abs=0.05)
    found = [sample[key].mean() for key in ("disparity", "right_disparity", "noc")]
    assert found == pytest.approx([disparity, right_disparity, noc], abs=1e-3)
