"""Options of the training step change its cost, never its result."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from dsmnet import build_model
from dsmnet.config import compose, instantiate
from dsmnet.errors import UserError
from dsmnet.models.checkpoint import read_weights
from dsmnet.models.stereo_net import StereoNet
from dsmnet.run import train
from dsmnet.training.averaging import moving_average, moving_averages
from dsmnet.training.module import StereoModule
from dsmnet.training.recompute import recompute_stages
from tests.training.test_training import small


def gradients(net: StereoNet) -> dict[str, Tensor]:
    torch.manual_seed(1)
    left, right = torch.rand(2, 2, 3, 64, 96)
    output = net.train().match(left, right, 32)
    sum((d.square().mean() for d in output.disparities), torch.zeros(())).backward()
    return {name: parameter.grad for name, parameter in net.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("norm", ["domain", "batch", "mixstyle", "whitening"])
def test_recomputed_stages_give_the_same_gradients_and_statistics(norm: str) -> None:
    plain = build_model("tiny", norm, [f"norm@norm3d={norm}"]).net
    cheap = copy.deepcopy(plain)
    recompute_stages(cheap)
    expected, found = gradients(plain), gradients(cheap)
    assert expected.keys() == found.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], msg=name)
    assert plain.state_dict().keys() == cheap.state_dict().keys()
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, cheap.state_dict()[name]), name


def kept_bytes(net: StereoNet) -> int:
    """Bytes that autograd keeps between forward and backward pass, each storage once."""
    kept: dict[int, int] = {}
    own = {p.untyped_storage().data_ptr() for p in net.parameters()}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    left, right = torch.rand(2, 2, 3, 64, 96)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = net.train().match(left, right, 32)
    assert output.disparities
    return sum(kept.values())


def test_recomputed_stages_keep_less() -> None:
    net = build_model("tiny").net
    before = kept_bytes(net)
    recompute_stages(net)
    assert kept_bytes(net) < 0.5 * before


def test_a_run_that_recomputes_ends_with_the_same_weights(tmp_path: Path) -> None:
    weights = [
        read_weights(train(small(path, "loader.epoch_steps=4", f"recompute={on}"), path))[0]
        for on, path in (("false", tmp_path / "a"), ("true", tmp_path / "b"))
    ]
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, msg=name)


def module(*overrides: str) -> StereoModule:
    cfg = compose("train", ["model=tiny", *overrides])
    parts = (instantiate(cfg.loss), instantiate(cfg.optimizer), instantiate(cfg.schedule))
    return StereoModule(build_model("tiny").net, *parts, max_disparity=64, config={}, search_ranges=[32, 64])


def test_each_step_draws_its_search_range_from_its_place_alone() -> None:
    drawn = []
    for training in (module(), module()):
        found = []
        for training.pairs_seen in range(0, 80, 4):
            found.append(training.search_range())
        drawn.append(found)
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {32, 64}


def test_ground_truth_beyond_the_range_of_a_step_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    training = module()
    losses: dict[int, list[Tensor]] = {32: [], 64: []}
    monkeypatch.setattr(StereoModule, "_check_signal", lambda *_: None)
    monkeypatch.setattr(StereoModule, "_check_loss", lambda _, loss, __: losses[searched].append(loss.item()))
    views = dict(zip(("left", "right"), torch.rand(2, 1, 3, 64, 96), strict=True))
    near = torch.full((1, 1, 64, 96), 20.0)
    for far in (40.0, 50.0):
        disparity = torch.where(torch.arange(96) < 48, near, far)
        valid = torch.ones_like(disparity, dtype=torch.bool)
        for searched in losses:
            monkeypatch.setattr(training, "search_ranges", (searched,))
            with pytest.raises(RuntimeError, match="not attached"):  # it logs to a trainer from here on
                training.training_step({**views, "disparity": disparity, "valid": valid, "name": ["a"]}, 0)
    assert losses[32][0] == losses[32][1]
    assert losses[64][0] != losses[64][1]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("96", "search_ranges=96: expected null, or a list of pixels"),
        ("[96,0]", "search_ranges=0: expected a whole number"),
        ("[2]", "search_ranges=2: expected more pixels"),
    ],
)
def test_impossible_search_ranges_are_refused(tmp_path: Path, given: str, told: str) -> None:
    with pytest.raises(UserError, match=re.escape(told)):
        train(small(tmp_path, f"search_ranges={given}"), tmp_path)


def test_search_ranges_of_a_network_without_a_range_are_refused(tmp_path: Path) -> None:
    narrow = compose("train", ["model=lightstereo_s", "search_ranges=[96]", f"paths.output={tmp_path}"])
    with pytest.raises(UserError, match="model=lightstereo_s has no search range"):
        train(narrow, tmp_path)


@pytest.mark.parametrize("count", [0, 5, 10_000])
def test_averages_of_many_are_those_of_each(count: int) -> None:
    averaged, current = [torch.randn(3, 4), torch.randn(5)], [torch.randn(3, 4), torch.randn(5)]
    one = moving_average(0.99)
    expected = [one(a, c, torch.tensor(count)) for a, c in zip(averaged, current, strict=True)]
    moving_averages(0.99)(averaged, current, torch.tensor(count))
    assert all(torch.equal(a, b) for a, b in zip(averaged, expected, strict=True))
    counter = [torch.tensor(7)]
    moving_averages(0.9)(counter, [torch.tensor(9)], torch.tensor(1000))
    assert counter[0].item() == int(one(torch.tensor(7), torch.tensor(9), 1000))


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_a_fused_optimizer_takes_the_same_steps(optimizer: str) -> None:
    gradient = torch.randn(3, 5, 4)
    found = []
    for fused in ("null", "true"):
        cfg = compose("train", [f"optimizer={optimizer}", f"optimizer.fused={fused}"])
        parameter = nn.Parameter(torch.ones(5, 4))
        steps = instantiate(cfg.optimizer)([parameter])
        for value in gradient:
            parameter.grad = value
            steps.step()
        found.append(parameter.detach())
    torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=1e-6)
    assert not torch.equal(found[0], torch.ones(5, 4))


def test_a_fused_optimizer_in_mixed_precision_is_refused(tmp_path: Path) -> None:
    cfg = small(tmp_path, "optimizer.fused=true", "trainer.precision=bf16-mixed")
    with pytest.raises(UserError, match=r"optimizer\.fused=true with trainer\.precision=bf16-mixed"):
        train(cfg, tmp_path)


def test_profile_is_the_table_of_torch(tmp_path: Path) -> None:
    train(small(tmp_path, "trainer.profile=true", "trainer.max_steps=4", "loader.epoch_steps=4"), tmp_path)
    table = (tmp_path / "fit-profile.txt").read_text()
    assert "aten::" in table
    assert "CPU total" in table
