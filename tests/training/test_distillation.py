"""Self-distillation: what the teacher sees, what the student loses, and a training with both."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from dsmnet import build_model
from dsmnet.config import compose, instantiate
from dsmnet.data.collate import collate
from dsmnet.errors import UserError
from dsmnet.models.checkpoint import save_weights
from dsmnet.models.stereo_net import StereoNet
from dsmnet.run import train
from dsmnet.synthetic import SyntheticStereo
from dsmnet.training.distillation import SelfDistillation
from dsmnet.types import StereoBatch
from tests.models.test_networks import NETWORKS
from tests.training.test_training import SMALL


@pytest.fixture
def net() -> StereoNet:
    torch.manual_seed(0)
    return build_model("tiny").net


@pytest.fixture
def batch() -> StereoBatch:
    """Two pairs, the student's views darker than the clean ones."""
    scenes = SyntheticStereo(size=(64, 128), largest_disparity=32)
    transform = instantiate(compose("train", [*SMALL, "transform=crop_distillation"]).transform)
    return collate([transform(scenes[index], np.random.default_rng(index)) for index in range(2)])


def distance(distillation: SelfDistillation, net: StereoNet, batch: StereoBatch) -> torch.Tensor:
    disparity = net(net.normalize(batch["left"]), net.normalize(batch["right"]), 32)[-1]
    return distillation(batch, disparity, 32)


def test_clean_views_are_cropped_alike_and_of_other_colors(batch: StereoBatch) -> None:
    assert batch["clean_left"].shape == batch["left"].shape == (2, 3, 64, 96)
    assert not torch.equal(batch["clean_left"], batch["left"])
    for clean, seen in zip(batch["clean_left"], batch["left"], strict=True):
        pairs = torch.stack([clean.mean(0).flatten(), seen.mean(0).flatten()])
        assert torch.corrcoef(pairs)[0, 1] > 0.8  # the same window: other colors, the same content


def test_a_student_equal_to_its_teacher_loses_nothing_on_clean_views(
    net: StereoNet, batch: StereoBatch
) -> None:
    net.eval()  # in which the teacher is
    distillation = SelfDistillation()
    distillation.start(net)
    perturbed = distance(distillation, net, batch)
    batch["left"], batch["right"] = batch["clean_left"], batch["clean_right"]
    assert distance(distillation, net, batch) < 1e-5 < perturbed


def test_the_teacher_stays_and_the_student_learns_from_both_terms(net: StereoNet, batch: StereoBatch) -> None:
    before = copy.deepcopy(net.state_dict())
    for weights in ({"features": 0.0}, {"disparity": 0.0}):
        distillation = SelfDistillation(**weights)
        distillation.start(net)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        first = distance(distillation, net.train(), batch)
        first.backward()
        optimizer.step()
        optimizer.zero_grad()
        assert distance(distillation, net, batch) < first
        assert distillation.teacher is not None
        taught = distillation.teacher.state_dict()
        assert all(torch.equal(taught[name], before[name]) for name in before)
        net.load_state_dict(before)


def test_a_training_with_it(net: StereoNet, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    save_weights(start, net, build_model("tiny").config)
    options = [*SMALL, "distillation=self", f"init={start}", f"paths.output={tmp_path}"]
    assert train(compose("train", [*options, "transform=crop_distillation"]), tmp_path).is_file()
    with pytest.raises(UserError, match="expected transform=crop_distillation"):
        train(compose("train", options), tmp_path / "other")


def test_a_network_of_one_trunk_is_refused(batch: StereoBatch) -> None:
    net = build_model("raft_stereo_realtime", "batch", NETWORKS["raft_stereo_realtime"]).net
    distillation = SelfDistillation()
    distillation.start(net)
    with pytest.raises(UserError, match="expected a model with features of their own"):
        distillation(batch, torch.zeros(2, 1, 64, 96), 32)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["distillation=self"], "distillation with init=null: expected a trained network"),
        (["distillation=self", "distillation.clamp=0", "init=dsmnet_lite", "model=dsmnet_lite"], "clamp"),
    ],
)
def test_mistakes_are_told(overrides: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        train(compose("train", [*SMALL, *overrides]), tmp_path)
