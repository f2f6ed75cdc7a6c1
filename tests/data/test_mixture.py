"""A mixture keeps its shares over any stretch, uses items evenly, and always in the same order."""

from __future__ import annotations

import functools
import logging
import pickle
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch.utils.data import Dataset

from dsmnet.config import compose, instantiate
from dsmnet.data.mixture import Mixture
from dsmnet.data.quotas import interleave, whole_shares
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


RANDOM = np.random.default_rng(5)
CASES = [
    ([7], [3.0]),
    ([3, 1000], [0.5, 0.5]),
    ([5, 50, 500], [1, 2, 0.5]),
    ([4, 4, 4, 4], [0.1, 0.2, 0.3, 0.4]),
    ([35454, 200, 23], [0.35, 0.4, 0.25]),
    ([9, 11], [1 / 3, 2 / 3]),
    *(
        (RANDOM.integers(1, 400, n).tolist(), np.round(RANDOM.uniform(0.01, 1, n), 2).tolist())
        for n in (2, 3, 4, 5, 6, 7)
    ),
]


@pytest.mark.parametrize(("lengths", "weights"), CASES)
def test_shares_are_exact_to_one_sample(lengths: list[int], weights: list[float]) -> None:
    data = mixture(lengths, weights)
    samples = 30_000  # far beyond one period
    owners = np.array([data.locate(index)[0] for index in range(samples)])
    ideal = np.arange(1, samples + 1)
    for part, weight in enumerate(weights):
        behind = np.cumsum(owners == part) - ideal * (weight / sum(weights))
        assert np.abs(behind).max() < 1
        # any stretch, from its first to its last sample
        assert behind.max() - behind.min() < 2


@pytest.mark.parametrize(("lengths", "weights"), CASES)
def test_items_of_a_part_are_used_equally_often(lengths: list[int], weights: list[float]) -> None:
    data = mixture(lengths, weights)
    used: Counter[tuple[int, int]] = Counter()
    for index in range(20_000):
        used[data.locate(index)] += 1
        if index in (10, 77, 1234, 19_999):
            for part, length in enumerate(lengths):
                counts = [used[part, item] for item in range(length)]
                assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(("lengths", "weights"), CASES)
def test_a_pass_uses_everything(lengths: list[int], weights: list[float]) -> None:
    data = mixture(lengths, weights)
    assert {data.locate(index) for index in range(len(data))} == {
        (part, item) for part, length in enumerate(lengths) for item in range(length)
    }


def test_an_index_always_means_the_same_sample() -> None:
    data, again = (mixture([5, 50, 500], [1, 2, 0.5]) for _ in range(2))
    other = mixture([5, 50, 500], [1, 2, 0.5], seed=1)
    indices = [*range(len(data)), 10**9, 3]
    found = [data.at(index) for index in indices]
    assert found == [again.at(index) for index in indices]
    assert found == [pickle.loads(pickle.dumps(data)).at(index) for index in indices]
    assert found != [other.at(index) for index in indices]
    assert [sample[0] for sample in found] == [other.at(index)[0] for index in indices]


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


def test_training_shuffles_it_evenly_from_pass_to_pass() -> None:
    """Each item of the small part has 3.5 uses a pass: seven in two passes, not three or four twice."""
    data = mixture([2, 7], [0.5, 0.5])
    assert len(data) == 14
    order = [sample for sample, _ in train_samples(data, 0, range(4), 7)]
    counts = Counter(order)
    assert all(counts["p0", item] == 7 for item in range(2))
    assert all(counts["p1", item] == 2 for item in range(7))
    assert order[:14] != order[14:]


def test_resumed_training_goes_on_as_it_would_have() -> None:
    data = mixture([5, 50, 500], [1, 2, 0.5])
    whole = train_samples(data, 0, range(6), 400)
    assert train_samples(data, 0, range(6), 400, world=2) == whole
    assert train_samples(mixture([5, 50, 500], [1, 2, 0.5]), 120, range(3, 6), 400) == whole[3 * 400 + 120 :]


def test_nested_mixtures_share_their_share() -> None:
    inner = mixture([3, 30], [0.25, 0.75])
    data = Mixture({"inner": inner, "outer": Numbers("outer", 10)}, {"inner": 2, "outer": 3}, name="both")
    samples = Counter(data.at(index) for index in range(30_000))
    of = Counter(name for name, _ in samples.elements())
    assert {name: count / 30_000 for name, count in of.items()} == {"outer": 0.6, "p0": 0.1, "p1": 0.3}
    for name, length in (("p0", 3), ("p1", 30), ("outer", 10)):
        counts = [samples[name, item] for item in range(length)]
        assert max(counts) - min(counts) <= 1
    train, validation = data.split_validation()
    assert {validation[index][0] for index in range(len(validation))} == {"p0'", "p1'", "outer'"}
    assert {train[index][0] for index in range(len(train))} == {"p0", "p1", "outer"}


def test_validation_begins_with_every_part() -> None:
    train, validation = mixture([1000, 50], [0.8, 0.2]).split_validation()
    assert train.weights == validation.weights == {"p0": 0.8, "p1": 0.2}
    assert Counter(validation[index][0] for index in range(10)) == {"p0'": 8, "p1'": 2}


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
    with pytest.raises(UserError, match="missing=perhaps: expected one of error, skip"):
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
    node.parts.synthetic.max_disparity = 24
    train, validation = instantiate(node).split_validation()
    assert (len(train), len(validation)) == (100_000, 64)
    assert train[3]["left"].shape == (32, 64, 3)


@pytest.mark.parametrize("weights", [[0.6, 0.1, 0.3], [1, 2, 4], [1e-3, 1], [0.1] * 7, [2.5]])
def test_decimal_weights_are_kept_exactly(weights: list[float]) -> None:
    counts = whole_shares(weights)
    total = sum(Fraction(repr(float(weight))) for weight in weights)
    for weight, count in zip(weights, counts, strict=True):
        assert Fraction(count, sum(counts)) == Fraction(repr(float(weight))) / total


def test_others_are_rounded_and_none_is_lost() -> None:
    assert whole_shares([0.31831, 0.7]) == [3126, 6874]
    assert whole_shares([1e-9, 1]) == [1, 10_000]


def test_a_period_by_hand() -> None:
    order, ranks = interleave([2, 1])
    assert order.tolist() == [0, 1, 0]
    assert ranks.tolist() == [0, 0, 1]
