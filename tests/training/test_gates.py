"""How the gates of batch-instance norm are trained."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from dsmnet import build_model
from dsmnet.errors import UserError
from dsmnet.layers import BatchInstanceNorm
from dsmnet.models.checkpoint import read_weights
from dsmnet.run import train
from dsmnet.training.gates import gated_norms, make_optimizer
from tests.training.test_training import small

SGD = partial(torch.optim.SGD, lr=0.5, weight_decay=0.1)


@pytest.fixture
def net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), BatchInstanceNorm(4), nn.Sequential(BatchInstanceNorm(4)))


def push(net: nn.Module, gradient: float) -> None:
    """Give every parameter the same gradient."""
    for parameter in net.parameters():
        parameter.grad = torch.full_like(parameter, gradient)


def test_gates_have_a_group_of_their_own(net: nn.Module) -> None:
    others, gates = make_optimizer(SGD, net, gate_lr=10).param_groups
    assert [id(p) for p in gates["params"]] == [id(net[1].gate), id(net[2][0].gate)]
    assert (gates["lr"], gates["weight_decay"]) == (5.0, 0)
    assert (others["lr"], others["weight_decay"]) == (0.5, 0.1)
    assert {id(p) for g in (others, gates) for p in g["params"]} == {id(p) for p in net.parameters()}


def test_gates_are_found_in_a_copy(net: nn.Module) -> None:
    twin = copy.deepcopy(net)
    assert [name for name, _ in gated_norms(twin)] == ["1", "2.0"]
    gates = make_optimizer(SGD, twin).param_groups[1]["params"]
    assert [id(gate) for gate in gates] == [id(twin[1].gate), id(twin[2][0].gate)]


def test_the_schedule_reaches_the_gates(net: nn.Module) -> None:
    optimizer = make_optimizer(SGD, net)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.1**step)
    push(net, 0.0)
    optimizer.step()
    schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.5])


@pytest.mark.parametrize(("gradient", "end"), [(1.0, 0.0), (-1.0, 1.0)])
def test_clipped_after_each_step(net: nn.Module, gradient: float, end: float) -> None:
    optimizer = make_optimizer(SGD, net)
    push(net, gradient)
    optimizer.step()
    for _, norm in gated_norms(net):
        assert norm.gate.tolist() == [end] * 4
    assert net[1].weight.max() != end  # nothing else is


def test_a_step_that_mixed_precision_skips_changes_nothing(net: nn.Module) -> None:
    """With infinite gradients the scaler leaves the step out; the gates stay as they are, in range."""
    optimizer = make_optimizer(SGD, net)
    for _, norm in gated_norms(net):
        norm.gate.data.fill_(0.25)
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(torch.ones(()))  # sets it up
    push(net, float("inf"))
    scaler.step(optimizer)
    scaler.update()
    assert all(norm.gate.tolist() == [0.25] * 4 for _, norm in gated_norms(net))
    optimizer.zero_grad()
    push(net, scaler.get_scale())
    scaler.step(optimizer)
    assert all(norm.gate.tolist() == [0] * 4 for _, norm in gated_norms(net))


def test_without_gates_the_optimizer_is_the_plain_one() -> None:
    optimizer = make_optimizer(SGD, nn.Conv2d(3, 4, 1))
    assert len(optimizer.param_groups) == 1


def test_a_negative_factor_is_refused(net: nn.Module) -> None:
    with pytest.raises(UserError, match="gate_lr=-1"):
        make_optimizer(SGD, net, gate_lr=-1)


def test_training_moves_the_gates_within_their_range(tmp_path: Path) -> None:
    """With accumulated gradients, a wild rate and averaged weights; then they stand in TensorBoard."""
    options = ["norm=batch_instance", "gate_lr=1000", "trainer.max_steps=3", "loader.epoch_steps=6"]
    cfg = small(tmp_path, *options, "trainer.accumulate_grad_batches=2", "loader.batch_size=1")
    tensors, config = read_weights(train(cfg, tmp_path))
    assert config["norm"] == "batch_instance"
    gates = torch.cat([tensor for name, tensor in tensors.items() if name.endswith(".gate")])
    assert gates.min() >= 0
    assert gates.max() <= 1
    assert gates.unique().numel() > 2
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    names = {f"gates/net.{name}" for name, _ in gated_norms(build_model("tiny", "batch_instance").net)}
    assert set(events.Tags()["histograms"]) == {*names, "gates/all"}
    assert events.Histograms("gates/all")[0].histogram_value.max <= 1
