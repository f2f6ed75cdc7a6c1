"""What several processes share: who is the first, how many there are, and which pairs each of them gets."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from dsmnet import processes
from dsmnet.cli.launch import _shared
from dsmnet.data.datamodule import StereoDataModule
from dsmnet.data.sampler import EndlessSampler, Share
from dsmnet.errors import UserError
from dsmnet.losses import mean_count
from dsmnet.run import train
from dsmnet.synthetic import SyntheticStereo
from tests.training.test_training import small

HAND = {"MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500", "NODE_RANK": "1"}
TORCHRUN = {
    **{"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"},
    **{"TORCHELASTIC_RUN_ID": "mine", "GROUP_RANK": "1", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "1"},
}
SRUN = {
    **{"SLURM_JOB_ID": "17", "SLURM_STEP_ID": "0", "SLURM_NTASKS": "8", "SLURM_NTASKS_PER_NODE": "4"},
    **{"SLURM_NNODES": "2", "SLURM_PROCID": "4", "SLURM_LOCALID": "0", "SLURM_NODEID": "1"},
}


@pytest.fixture(autouse=True)
def nothing_started(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in {*HAND, *TORCHRUN, *SRUN, "SLURM_JOB_NAME"}:
        monkeypatch.delenv(name, raising=False)


def start(monkeypatch: pytest.MonkeyPatch, *environments: dict[str, str]) -> None:
    for name, value in {k: v for each in environments for k, v in each.items()}.items():
        monkeypatch.setenv(name, value)


def test_one_process_is_the_first_and_shares_nothing() -> None:
    assert processes.is_first()
    assert processes.is_first_of_node()
    assert processes.common_name() is None
    assert processes.layout(1, "auto") == (1, 1)
    assert _shared([]) == []


@pytest.mark.parametrize(
    ("environment", "name", "where", "of_node"),
    [
        (TORCHRUN, "mine", "process 5", False),
        (SRUN, "slurm_17_0", "process 4", True),
        ({**SRUN, **TORCHRUN, "SLURM_NTASKS": "2"}, "mine", "process 5", False),  # torchrun, started by srun
    ],
)
def test_further_process_knows_its_place_and_numbers(
    environment: dict[str, str], name: str, where: str, of_node: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(monkeypatch, environment)
    assert not processes.is_first()
    assert processes.is_first_of_node() is of_node
    assert not processes.by_first()
    assert (processes.common_name(), processes.place()) == (name, where)
    for devices, nodes in (("auto", "auto"), (-1, 2), (4, "auto"), (4, 2)):
        assert processes.layout(devices, nodes) == (4, 2)
    for devices, nodes, wrong in ((1, "auto", "devices=1: 4 processes"), (4, 3, "num_nodes=3: 2 nodes")):
        with pytest.raises(UserError, match=f"trainer.{wrong}.* were started"):
            processes.layout(devices, nodes)
    overrides = _shared(["model=tiny"])
    assert overrides[:2] == [f"paths.output=outputs/train/{name}", "hydra/job_logging=stdout"]
    assert _shared(["paths.output=here"])[0] == "hydra/job_logging=stdout"


def test_first_process_of_torchrun_on_any_node_of_slurm_is_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    start(monkeypatch, SRUN, TORCHRUN, {"RANK": "0", "LOCAL_RANK": "0"})
    assert processes.is_first()


def test_nodes_started_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    start(monkeypatch, HAND)
    assert not processes.is_first()
    assert processes.layout(2, 2) == (2, 2)
    with pytest.raises(
        UserError, match=r"paths.output: .* no folder in common; expected paths.output=FOLDER"
    ):
        _shared([])
    with pytest.raises(UserError, match=r"NODE_RANK=1: expected less than trainer.num_nodes=1"):
        processes.layout(2, "auto")
    start(monkeypatch, {"LOCAL_RANK": "1"})  # one that the first of this node has started
    assert processes.by_first()
    assert processes.common_name() is None
    start(monkeypatch, {"NODE_RANK": "first"})
    with pytest.raises(UserError, match="NODE_RANK=first: expected a whole number"):
        processes.layout(1, 2)


@pytest.mark.parametrize("nodes", [0, -1, 1.5, "two", None])
def test_impossible_number_of_nodes_is_one_line(nodes: object) -> None:
    with pytest.raises(UserError, match=r"trainer.num_nodes"):
        processes.layout(1, nodes)


def test_torchrun_without_a_name_of_its_own_needs_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    start(monkeypatch, TORCHRUN, {"TORCHELASTIC_RUN_ID": "none"})
    with pytest.raises(UserError, match="--standalone or --rdzv-id=NAME"):
        processes.common_name()


@pytest.mark.parametrize("length", [7, 12, 1000])  # passes that end within a step, too
def test_step_holds_the_same_pairs_whatever_the_number_of_processes(length: int) -> None:
    def steps(world: int) -> list[list[tuple[int, int]]]:
        options = {"seed": 3, "world": world, "step": 12, "reached": lambda: 24}
        orders = [list(EndlessSampler(length, 48, rank=rank, **options)) for rank in range(world)]
        each = 12 // world
        return [
            sorted(place for order in orders for place in order[first : first + each])
            for first in range(0, len(orders[0]), each)
        ]

    alone = steps(1)
    assert [place for step in alone for place, _ in step] == list(range(24, 48))
    assert all(steps(world) == alone for world in (2, 3, 4, 6, 12))


@pytest.mark.parametrize(("reached", "world", "batch"), [(8, 3, 1), (13, 2, 4), (31, 5, 2), (0, 4, 3)])
def test_resumed_with_other_steps_every_process_gets_as_many_and_nothing_is_left_out(
    reached: int, world: int, batch: int
) -> None:
    together, seen = world * batch, []
    for _ in range(3):  # stretches
        start = functools.partial(int, reached + len(seen))
        options = {"world": world, "step": together, "reached": start}
        orders = [list(EndlessSampler(50, 4 * together, rank=rank, **options)) for rank in range(world)]
        assert len({len(order) for order in orders}) == 1
        assert len(orders[0]) % batch == 0
        seen += [place for order in orders for place, _ in order]
    assert sorted(seen) == list(range(reached, reached + len(seen)))


@pytest.mark.parametrize(("pairs", "world"), [(5, 1), (5, 2), (3, 4), (8, 4)])
def test_every_validation_pair_counts_once(pairs: int, world: int) -> None:
    data = SyntheticStereo(size=(16, 32), largest_disparity=8, min_near=4)
    shares = [Share(data, pairs, rank, world) for rank in range(world)]
    assert len({len(share) for share in shares}) == 1
    counted = [
        sample["name"]
        for share in shares
        for sample in map(share.__getitem__, range(len(share)))
        if sample["valid"].any()
    ]
    assert counted == [data[index]["name"] for index in range(pairs)]
    with pytest.raises(IndexError):
        shares[0][len(shares[0])]


def test_global_batch_is_divided_among_the_processes() -> None:
    data = StereoDataModule(SyntheticStereo(), None, batch_size=4, global_batch=12, epoch_steps=1)
    assert [data.pairs_per_process(world) for world in (1, 2, 12)] == [12, 6, 1]
    with pytest.raises(UserError, match=r"loader.global_batch=12: expected a multiple of 5"):
        data.pairs_per_process(5)
    with pytest.raises(UserError, match=r"loader.global_batch=0"):
        StereoDataModule(SyntheticStereo(), None, batch_size=4, global_batch=0, epoch_steps=1)
    assert isinstance(data.train_dataloader(), DataLoader)
    assert data.train_dataloader().batch_size == 12


def test_count_of_one_process_is_that_of_its_mask() -> None:
    assert mean_count(torch.tensor([True, False, True])) == 2
    assert mean_count(torch.zeros(3, dtype=torch.bool)) == 1


def test_averages_of_divided_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"trainer.strategy=fsdp with callbacks.ema: expected callbacks.ema.decay=0"
    ):
        train(small(tmp_path, "trainer.strategy=fsdp"), tmp_path)


def test_nodes_without_an_address_end_before_anything_is_saved(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"trainer.num_nodes=2 without MASTER_ADDR, MASTER_PORT, NODE_RANK"):
        train(small(tmp_path, "trainer.num_nodes=2"), tmp_path)
    assert not list(tmp_path.iterdir())
