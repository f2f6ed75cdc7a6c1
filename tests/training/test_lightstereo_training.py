"""LightStereo in training: two steps of every form with several norms, and the published recipe."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dsmnet import load_model
from dsmnet.config import compose, instantiate, recipe_settings
from dsmnet.run import train
from tests.training.test_training import small

NARROW = ["model.max_disparity=32", "model.features.trunk.widths=[8,8,8,8,8,8,16]"]


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("s", ["norm=domain"]),
        ("s", ["norm=ibn_a", "norm@norm3d=ibn_a", "recompute=true"]),
        ("m", ["norm=instance", "trainer.precision=bf16-mixed"]),
        ("l", ["norm=batch", "model.aggregation.expand=2"]),
        ("lx", ["norm=ibn_a", "model.aggregation.blocks=[1,1,1]", "trainer.precision=bf16-mixed"]),
    ],
)
def test_two_steps_of_training_write_weights_that_load(form: str, options: list[str], tmp_path: Path) -> None:
    train(small(tmp_path, f"model=lightstereo_{form}", *NARROW, *options), tmp_path)
    net = load_model(tmp_path / "weights.safetensors", device="cpu")
    assert net.config["model"] == f"lightstereo_{form}"
    assert all(torch.isfinite(tensor).all() for tensor in net.state_dict().values())


def test_published_training_is_the_one_of_the_authors() -> None:
    cfg = compose("train", ["experiment=lightstereo_sceneflow", "paths.output=unused"])
    assert (cfg.crop.height, cfg.crop.width, cfg.loader.batch_size) == (320, 736, 24)
    assert (cfg.max_disparity, cfg.model.max_disparity, cfg.dataset.passes) == (192, 192, "final")
    assert cfg.trainer.max_steps == 35454 * 90 // 24 + 1
    assert (cfg.trainer.gradient_clip_val, cfg.trainer.gradient_clip_algorithm) == (0.1, "value")
    assert cfg.transform.steps.flip is None
    rate = instantiate(cfg.schedule)
    step = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(step, 1.0, 1001, pct_start=0.01, cycle_momentum=False)
    for at in range(1000):
        assert at in range(1, 10) or rate(at / 1000) == pytest.approx(theirs.get_last_lr()[0], abs=2e-3)
        step.step()
        theirs.step()


def test_published_loss_is_that_of_both_outputs() -> None:
    """1.0 of the final disparity and 0.3 of the one before the upsampling, smooth-L1 over what counts."""
    torch.manual_seed(0)
    target, coarse, final = 20 * torch.rand(3, 2, 1, 5, 6)
    valid = torch.rand(2, 1, 5, 6) > 0.3
    loss = instantiate(compose("train", ["model=lightstereo_m", "paths.output=unused"]).loss)
    first, last = (torch.nn.functional.smooth_l1_loss(x[valid], target[valid]) for x in (coarse, final))
    torch.testing.assert_close(
        loss([coarse, final], [torch.zeros(2, 1, 3, 2, 2)], target, valid), last + 0.3 * first
    )
    assert recipe_settings("lightstereo_m") == recipe_settings("lightstereo_s")
