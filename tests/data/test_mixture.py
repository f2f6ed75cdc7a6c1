"""Weighted interleaving: shares, the same order always, missing parts."""

from __future__ import annotations

import functools
import logging
import pickle
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch.utils.data import Dataset

from dsmnet.config import compose, instantiate
from dsmnet.data.mixture import Mixture
from dsmnet.data.sampler import Augmented, EndlessSampler
from dsmnet.datasets.instereo2k import InStereo2K
from dsmnet.errors import DataError, MissingDataError, UserError
from dsmnet.types import StereoSample


class Numbers(Dataset[Any]):
    """A data set whose samples say which they are."""

    def __init__(self, name: str, length: int) -> None:
        self.name, self.length = name, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < self.length:
            raise IndexError(index)
        return self.name, index

    def split_validation(self) -> tuple[Numbers, Numbers]:
        return Numbers(self.name, self.length), Numbers(f"{self.name}'", max(1, self.length // 5))


def mixture(lengths: Sequence[int], weights: Sequence[float], **options: Any) -> Mixture:
    names = [f"p{index}" for index in range(len(lengths))]
    parts = {name: Numbers(name, length) for name, length in zip(names, lengths, strict=True)}
    return Mixture(parts, dict(zip(names, weights, strict=True)), **options)


@pytest.mark.parametrize(
    ("lengths", "weights"),
    [
        ([7], [3.0]),
        ([3, 1000], [0.5, 0.5]),
        ([5, 50, 500], [1, 2, 0.5]),
        ([35454, 200, 23], [0.35, 0.4, 0.25]),
    ],
)
def test_mixture_draws_parts_by_weight_and_items_evenly(lengths: list[int], weights: list[float]) -> None:
    data = mixture(lengths, weights)
    samples = 20_000
    drawn = Counter(data.locate(index) for index in range(samples))
    for part, (length, weight) in enumerate(zip(lengths, weights, strict=True)):
        share = weight / sum(weights)
        counts = np.array([drawn[part, item] for item in range(length)])
        assert counts.sum() == pytest.approx(samples * share, abs=5 * np.sqrt(samples * share * (1 - share)))
        expected = counts.sum() / length
        assert abs(counts - expected).max() <= 6 * np.sqrt(expected) + 3


def test_an_index_always_means_the_same_sample() -> None:
    data, again = (mixture([5, 50, 500], [1, 2, 0.5]) for _ in range(2))
    other = mixture([5, 50, 500], [1, 2, 0.5], seed=1)
    indices = [*range(len(data)), 10**9, 3]
    found = [data.at(index) for index in indices]
    assert found == [again.at(index) for index in indices]
    assert found == [pickle.loads(pickle.dumps(data)).at(index) for index in indices]
    assert found != [other.at(index) for index in indices]


def test_it_ends_where_its_length_says() -> None:
    data = mixture([4, 40], [0.5, 0.5])
    assert len(data) == 80  # the larger part once
    assert len(list(data)) == 80  # type: ignore[call-overload]
    for index in (-1, 80):
        with pytest.raises(IndexError):
            data[index]


def test_a_tiny_weight_makes_no_endless_pass() -> None:
    assert len(mixture([1_000_000, 5], [0.001, 0.999])) == 1_000_000


def train_samples(data: Any, start: int, epochs: range, samples: int, world: int = 1) -> list[Any]:
    """Return what training loads, of all processes in turn."""
    seen: list[Any] = []
    augmented = Augmented(data, lambda sample, rng: (sample, float(rng.random())), seed=3)  # type: ignore[arg-type, return-value]
    samplers = [EndlessSampler(len(data), samples, seed=3, rank=rank, world=world) for rank in range(world)]
    for epoch in epochs:
        orders = []
        reached = epoch * samples + (start if epoch == epochs[0] else 0)
        for sampler in samplers:
            sampler.reached = lambda reached=reached: reached
            orders.append([augmented[position] for position in sampler])
        seen += [sample for step in zip(*orders, strict=True) for sample in step]
    return seen


def test_resumed_training_goes_on_as_it_would_have() -> None:
    data = mixture([5, 50, 500], [1, 2, 0.5])
    whole = train_samples(data, 0, range(6), 400)
    assert train_samples(data, 0, range(6), 400, world=2) == whole
    assert train_samples(mixture([5, 50, 500], [1, 2, 0.5]), 120, range(3, 6), 400) == whole[3 * 400 + 120 :]


def test_nested_mixture_shares_its_share() -> None:
    inner = mixture([3, 30], [0.25, 0.75])
    data = Mixture({"inner": inner, "outer": Numbers("outer", 10)}, {"inner": 2, "outer": 3}, name="both")
    drawn = Counter(data.at(index)[0] for index in range(20_000))
    for name, share in (("outer", 0.6), ("p0", 0.1), ("p1", 0.3)):
        assert drawn[name] / 20_000 == pytest.approx(share, abs=0.02)
    train, validation = data.split_validation()
    assert {validation[index][0] for index in range(len(validation))} == {"p0'", "p1'", "outer'"}
    assert {train[index][0] for index in range(len(train))} == {"p0", "p1", "outer"}


def test_validation_split_of_a_mixture_has_its_weights() -> None:
    train, validation = mixture([1000, 50], [0.8, 0.2]).split_validation()
    assert train.weights == validation.weights == {"p0": 0.8, "p1": 0.2}
    assert {validation[index][0] for index in range(30)} == {"p0'", "p1'"}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"p0": 1}, r"weights\.p1: the part has no weight"),
        ({"p0": 1, "p1": 1, "p2": 1}, r"weights\.p2: no such part; there are p0, p1"),
        ({"p0": 1, "p1": -1}, r"weights\.p1=-1: expected"),
        ({"p0": 1, "p1": "much"}, r"weights\.p1=much: expected"),
        ({"p0": 1, "p1": float("nan")}, r"weights\.p1=nan: expected"),
        ({"p0": 0, "p1": 0}, "at least one above 0"),
    ],
)
def test_wrong_weights(weights: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Mixture({name: Numbers(name, 3) for name in ("p0", "p1")}, weights)


def test_an_unknown_way_with_what_is_missing() -> None:
    with pytest.raises(UserError, match="missing=perhaps: expected error or skip"):
        mixture([3], [1], missing="perhaps")


def test_an_empty_part_is_named() -> None:
    with pytest.raises(DataError, match="part p1 is empty"):
        mixture([3, 0], [1, 1])


def test_all_parts_that_are_not_there_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, make_samples: Callable[..., list[StereoSample]]
) -> None:
    InStereo2K.write_fake(tmp_path / "there", make_samples(2))
    (tmp_path / "empty").mkdir()
    parts = {
        name: functools.partial(InStereo2K, tmp_path / name) for name in ("there", "one", "two", "empty")
    }
    weights = dict.fromkeys(parts, 1)
    with pytest.raises(DataError, match="3 of 4 parts") as error:
        Mixture(parts, weights)
    assert all(str(tmp_path / name) in str(error.value) for name in ("one", "two", "empty"))
    with pytest.raises(DataError, match="3 of 4 parts"):  # an empty folder is a mistake, not an absence
        Mixture(parts, weights, missing="skip")
    with caplog.at_level(logging.WARNING):
        data = Mixture(parts, {**weights, "empty": 0}, missing="skip")
    assert "without one, two, which are not there" in caplog.text
    assert list(data.parts) == ["there"]
    assert data[0]["dataset"] == "instereo2k"
    with pytest.raises(MissingDataError, match="2 of 2 parts"):
        Mixture(parts, {"there": 0, "one": 1, "two": 1, "empty": 0}, missing="skip")


def test_the_configured_mixture(tmp_path: Path) -> None:
    node = compose("train", ["dataset=synthetic_mix", f"paths.data={tmp_path}", "paths.output=x"]).dataset
    with pytest.raises(MissingDataError, match="synthetic_mix: 2 of 3 parts") as error:
        instantiate(node)
    assert all(f"  {name}: " in str(error.value) for name in ("sceneflow", "spring"))
    node.missing = "skip"
    node.parts.synthetic.size = [32, 64]
    node.parts.synthetic.largest_disparity = 24
    train, validation = instantiate(node).split_validation()
    assert (len(train), len(validation)) == (100_000, 64)
    assert train[3]["left"].shape == (32, 64, 3)


def test_mixture_repeats_no_item_within_the_length_of_its_part() -> None:
    data = mixture([64, 500], [0.5, 0.5])
    for start in (0, 640):
        first = [data.locate(index) for index in range(start, start + 64)]
        assert len(set(first)) == 64
        assert {part for part, _ in first} == {0, 1}
