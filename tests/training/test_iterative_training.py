"""Networks that refine in steps: two steps of training with every kind of norm, and their loss."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dsmnet import build_model, load_model
from dsmnet.config import compose, instantiate, recipe_settings
from dsmnet.errors import UserError
from dsmnet.losses import StereoLoss
from dsmnet.run import train
from dsmnet.training.schedule import OneCycle
from tests.models.test_networks import NETWORKS
from tests.training.test_training import small

NARROW = ["model.widths=[8,8,8]", "model.matched=16", "model.hidden=8", "model.train_iterations=3"]
NARROW += ["model.iterations=2"]


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("raft_stereo", ["norm=domain"]),
        ("raft_stereo", ["norm=ibn_a", "norm@model.context_norm=ibn_a"]),
        ("raft_stereo", ["norm=batch_instance", "recompute=true", "trainer.precision=16-mixed"]),
        ("raft_stereo_shared", ["norm=instance", "model/correlation=alt"]),
        ("raft_stereo_realtime", ["trainer.precision=bf16-mixed"]),
        ("igev_stereo", ["norm=domain", "trainer.precision=16-mixed"]),
        ("igev_stereo", ["norm=ibn_a", "norm@model.context_norm=ibn_a", "recompute=true"]),
        ("rt_igev", ["norm=batch", "trainer.precision=bf16-mixed"]),
        ("rt_igev", ["norm=instance", "norm@norm3d=instance"]),
    ],
)
def test_two_steps_of_training_write_weights_that_load(
    model: str, options: list[str], tmp_path: Path
) -> None:
    narrow = NARROW if model.startswith("raft") else [*NETWORKS[model], "model.train_iterations=3"]
    train(small(tmp_path, f"model={model}", *narrow, "optimizer.lr=1e-5", *options), tmp_path)
    net = load_model(tmp_path / "weights.safetensors", device="cpu")
    assert (net.config["model"], net.net.iterations) == (model, 2)
    assert all(torch.isfinite(tensor).all() for tensor in net.state_dict().values())


def test_published_training_is_the_one_of_the_paper() -> None:
    cfg = compose("train", ["experiment=raft_stereo_sceneflow", "paths.output=unused"])
    assert (cfg.crop.height, cfg.crop.width, cfg.loader.batch_size) == (320, 720, 8)
    assert (cfg.model.train_iterations, cfg.model.iterations, cfg.trainer.max_steps) == (22, 32, 200_000)
    assert (cfg.optimizer.lr, cfg.optimizer.weight_decay) == (2e-4, 1e-5)
    rate = instantiate(cfg.schedule)  # torch's OneCycleLR with the authors' options
    step = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        step, 1.0, 1001, pct_start=0.01, cycle_momentum=False, anneal_strategy="linear"
    )
    assert rate(0) == pytest.approx(theirs.get_last_lr()[0])
    for at in range(1000):
        assert at in range(1, 10) or rate(at / 1000) == pytest.approx(theirs.get_last_lr()[0], abs=2e-3)
        step.step()
        theirs.step()


@pytest.mark.parametrize(
    ("model", "width", "steps", "scales"),
    [("igev_stereo", 736, 32, (-0.2, 0.4)), ("rt_igev", 768, 8, (-0.4, 0.8))],
)
def test_published_training_of_igev_is_the_one_of_its_code(
    model: str, width: int, steps: int, scales: tuple[float, float]
) -> None:
    cfg = compose("train", [f"experiment={model}_sceneflow", "paths.output=unused"])
    assert (cfg.choices["model"], cfg.model.iterations, cfg.model.train_iterations) == (model, steps, 22)
    assert (cfg.crop.height, cfg.crop.width, cfg.loader.batch_size, cfg.max_disparity) == (320, width, 8, 192)
    assert (cfg.trainer.max_steps, cfg.optimizer.lr, cfg.dataset.passes) == (200_000, 2e-4, "final")
    scale = cfg.transform.steps.scale_crop
    assert (scale.min_scale, scale.max_scale) == scales


@pytest.mark.parametrize("model", ["igev_stereo", "rt_igev"])
def test_loss_of_igev_is_that_of_a_sequence_and_smooth_l1_of_what_comes_before(model: str) -> None:
    torch.manual_seed(0)
    target, first, *steps = 20 * torch.rand(5, 2, 1, 5, 6)
    valid = torch.rand(2, 1, 5, 6) > 0.3
    gamma = 0.9 ** (15 / 2)
    expected = torch.nn.functional.smooth_l1_loss(first[valid], target[valid]) + sum(
        gamma ** (2 - i) * (found - target).abs()[valid].mean() for i, found in enumerate(steps)
    )
    loss = instantiate(compose("train", [f"model={model}", "paths.output=unused"]).loss)
    torch.testing.assert_close(loss([first, *steps], [], target, valid), expected)


def test_rate_along_a_line_is_half_way_in_the_middle_of_its_fall() -> None:
    assert OneCycle(warmup=0.0, final=0.2, linear=True)(0.25) == pytest.approx(0.8)
    assert OneCycle(warmup=0.0, final=0.2)(0.25) > 0.85


def test_recipe_of_another_form_shows_what_it_takes_over() -> None:
    settings = recipe_settings("raft_stereo_realtime")
    assert settings == recipe_settings("raft_stereo")
    assert "loss.gamma=0.9" in settings


@pytest.mark.parametrize("steps", [1, 2, 22])
def test_loss_of_a_sequence_weighs_steps_as_published_and_leaves_out_far_ground_truth(steps: int) -> None:
    """From the paper's equation, gamma adjusted as in the authors' train_stereo.py."""
    torch.manual_seed(0)
    target, *steps_found = 20 * torch.rand(1 + steps, 2, 1, 5, 6)
    target[0, 0, 0, :3] = 700.0
    valid = torch.rand(2, 1, 5, 6) > 0.3
    counted = valid & (target < 700)
    assert counted.sum() < valid.sum()
    gamma = 0.9 ** (15 / max(steps - 1, 1))
    expected = sum(
        gamma ** (steps - 1 - i) * (found - target).abs()[counted].mean()
        for i, found in enumerate(steps_found)
    )
    loss = instantiate(compose("train", ["loss=sequence", "paths.output=unused"]).loss)
    torch.testing.assert_close(loss(steps_found, [], target, valid), expected)
    nothing = loss(steps_found, [], target, torch.zeros_like(valid))
    assert nothing.item() == 0


@pytest.mark.parametrize(
    "option", [{"gamma": 0.0}, {"gamma": 1.1}, {"gamma": float("nan")}, {"largest": 0}, {"initial": -1}]
)
def test_impossible_options_of_a_sequence_are_named(option: dict[str, float]) -> None:
    with pytest.raises(UserError, match=f"loss.{next(iter(option))}=.*: expected a number"):
        StereoLoss(**option)


CONF = Path(__file__).resolve().parents[2] / "conf"
CHOICES = [f"model={path.stem}" for path in sorted((CONF / "recipe").glob("*.yaml")) if path.stem != "none"]
CHOICES += [f"experiment={path.stem}" for path in sorted((CONF / "experiment").glob("*_*flow.yaml"))]


@pytest.mark.parametrize("choice", CHOICES)
def test_network_takes_the_crops_of_its_recipe(choice: str) -> None:
    cfg = compose("train", [choice])
    with torch.device("meta"):
        net = instantiate(cfg.model)
    assert (cfg.crop.height % net.least_divisor, cfg.crop.width % net.least_divisor) == (0, 0)


@pytest.mark.parametrize("model", ["raft_stereo", "raft_stereo_realtime"])
def test_raft_stereo_takes_sizes_that_are_no_multiple_of_32(model: str) -> None:
    net = build_model(model, overrides=NARROW).net
    views = torch.rand(2, 1, 3, 64, 144)
    assert [each.shape for each in net.train()(*views, 64)] == 3 * [(1, 1, 64, 144)]
