"""Every configuration file is composed and built: a newcomer's file is tested by being there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from dsmnet import build_model
from dsmnet.api import build_from_config
from dsmnet.config import compose, config_dir, instantiate

CONF = config_dir()
OUTPUT = "paths.output=unused"


def names(group: str) -> list[str]:
    found = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    assert found, f"no yaml in {CONF / group}"
    return found


@pytest.mark.parametrize("norm", names("norm"))
def test_norm_in_a_network(norm: str) -> None:
    net = build_model("tiny", norm=norm, overrides=[f"norm@norm3d={norm}"]).net.train()
    output = net.match(torch.randn(2, 3, 64, 96), torch.randn(2, 3, 64, 96), 32)
    sum(d.mean() for d in output.disparities).backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


@pytest.mark.parametrize("model", names("model"))
def test_model_keeps_the_contract(model: str) -> None:
    net = build_model(model).net
    size = (max(4 * net.divisor, net.smallest[0]), max(6 * net.divisor, net.smallest[1]))
    left, right = torch.randn(1, 3, *size), torch.randn(1, 3, *size)
    net.train()
    outputs = net.match(left, right, 32)
    assert all(d.shape == (1, 1, *size) for d in outputs.disparities)
    assert all(s.shape[:2] == (1, 1) for s in outputs.scores)
    net.eval()
    with torch.inference_mode():
        (final,) = net(left, right, 32)
    assert final.shape == (1, 1, *size)
    assert torch.isfinite(final).all()


@pytest.mark.parametrize("aggregation", names("model/aggregation"))
def test_aggregation_passes_gradients_to_volume_and_guide(aggregation: str) -> None:
    cfg = compose("build", ["model=tiny", f"model/aggregation={aggregation}"])
    norm, norm3d = instantiate(cfg.norm), instantiate(cfg.norm3d)
    stage = instantiate(cfg.model.aggregation)(4, {2: 8, 4: 16}, norm=norm, norm3d=norm3d)
    volume = torch.randn(2, 4, 8, 12, 16, requires_grad=True)
    guide = torch.randn(2, 16, 12, 16, requires_grad=True)
    scores = stage(volume, {4: guide})
    assert all(s.shape == (2, 1, 8, 12, 16) for s in scores)
    scores[-1].square().sum().backward()
    assert volume.grad is not None
    assert volume.grad.abs().sum() > 0
    assert torch.isfinite(volume.grad).all()
    if guide.grad is not None:  # an aggregation may do without guidance
        assert torch.isfinite(guide.grad).all()


@pytest.mark.parametrize("volume", names("model/volume"))
def test_volume_states_its_channels(volume: str) -> None:
    stage = instantiate(compose("build", [f"model/volume={volume}"]).model.volume)(16)
    assert stage(torch.randn(1, 16, 4, 9), torch.randn(1, 16, 4, 9), 3).shape == (
        1,
        stage.out_channels,
        3,
        4,
        9,
    )


@pytest.mark.parametrize("normalize", names("model/normalize"))
def test_input_norm_keeps_the_shape_and_the_order_of_brightness(normalize: str) -> None:
    stage = instantiate(compose("build", [f"model/normalize={normalize}"]).model.normalize)
    image = torch.rand(2, 3, 8, 9)
    normal = stage(image)
    assert normal.shape == image.shape
    assert torch.isfinite(stage(torch.zeros(1, 3, 8, 9))).all()
    # brighter stays brighter: the order of the pixels of a channel is that of the image
    assert torch.equal(normal[0, 0].flatten().argsort(), image[0, 0].flatten().argsort())


@pytest.mark.parametrize("name", names("optimizer"))
def test_optimizer(name: str) -> None:
    optimizer = instantiate(compose("train", [f"optimizer={name}", OUTPUT]).optimizer)
    assert isinstance(optimizer([torch.nn.Parameter(torch.zeros(1))]), torch.optim.Optimizer)


@pytest.mark.parametrize("name", names("schedule"))
def test_schedule(name: str) -> None:
    schedule = instantiate(compose("train", [f"schedule={name}", OUTPUT]).schedule)
    factors = [schedule(p / 10) for p in range(11)]
    assert all(0 < f <= 1 for f in factors)


@pytest.mark.parametrize("name", names("transform"))
def test_transform_brings_samples_to_one_size(name: str) -> None:
    import numpy as np

    from dsmnet.synthetic import SyntheticStereo

    cfg = compose("train", [f"transform={name}", "crop.height=48", "crop.width=64", OUTPUT])
    sample = instantiate(cfg.transform)(
        SyntheticStereo(size=(64, 96), largest_disparity=32)[0], np.random.default_rng(0)
    )
    assert sample["left"].shape == sample["right"].shape == (48, 64, 3)
    assert sample["disparity"].shape == sample["valid"].shape == (48, 64)


@pytest.mark.parametrize(
    "group",
    [
        "dataset",
        "norm",
        "model",
        "trainer",
        "optimizer",
        "schedule",
        "transform",
        "eval",
        "protocol",
        "experiment",
    ],
)
def test_every_choice_composes_with_train(group: str) -> None:
    for name in names(group):
        cfg = compose("train", [f"{group}={name}", OUTPUT])
        plain = OmegaConf.to_container(cfg, resolve=True)
        assert plain["choices"][group] == name


@pytest.mark.parametrize("experiment", names("experiment"))
def test_experiment_builds_its_network_and_says_its_command(experiment: str) -> None:
    cfg = compose("train", [f"experiment={experiment}", OUTPUT])
    assert build_from_config(cfg).config["model"] == cfg.choices.model
    instantiate(cfg.loss)
    head = (CONF / "experiment" / f"{experiment}.yaml").read_text().splitlines()
    assert f"python tools/train.py experiment={experiment}" in head[1]


def test_every_tool_has_a_configuration() -> None:
    tools = Path(__file__).resolve().parents[2] / "tools"
    for script in tools.glob("*.py"):
        assert compose(script.stem, [OUTPUT]).paths.output == "unused"
