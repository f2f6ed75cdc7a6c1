"""Every configuration file is composed and built: a newcomer's file is tested by being there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from dsmnet import build_model
from dsmnet.api import build_from_config
from dsmnet.config import compose, config_dir, instantiate
from dsmnet.stages.aggregation.contract import AggregationInput

CONF = config_dir()
OUTPUT = "paths.output=unused"


def names(group: str) -> list[str]:
    found = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    assert found, f"no yaml in {CONF / group}"
    return found


@pytest.mark.parametrize("model", names("model"))
def test_model_keeps_the_contract(model: str) -> None:
    net = build_model(model).net
    size = (max(4 * net.divisor, net.smallest[0]), max(6 * net.divisor, net.smallest[1]))
    left, right = torch.randn(1, 3, *size), torch.randn(1, 3, *size)
    net.train()
    outputs = net.match(left, right, 32)
    assert all(d.shape == (1, 1, *size) for d in outputs.disparities)
    assert all(s.shape[:2] == (1, 1) for s in outputs.logits)
    net.eval()
    with torch.inference_mode():
        (final,) = net(left, right, 32)
    assert final.shape == (1, 1, *size)
    assert torch.isfinite(final).all()


@pytest.mark.parametrize("loss", names("loss"))
def test_loss_is_finite_and_passes_gradients_to_the_last_output(loss: str) -> None:
    torch.manual_seed(0)
    criterion = instantiate(compose("train", [f"loss={loss}", OUTPUT]).loss)
    net = build_model("tiny").net.train()
    output = net.match(*torch.randn(2, 1, 3, 64, 96), max_disparity=32)
    target = 20 * torch.rand(1, 1, 64, 96)
    valid = torch.rand(1, 1, 64, 96) > 0.3
    for disparity in output.disparities:
        disparity.retain_grad()
    value = criterion(output.disparities, output.logits, target, valid, valid)
    value.backward()
    gradient = output.disparities[-1].grad
    assert value.isfinite()
    assert gradient is not None
    assert gradient[valid].any()
    assert not gradient[~valid].any()  # pixels without ground truth do not count


# LightStereo's takes planes for channels, of a given number: tests/models/test_lightstereo.py.
@pytest.mark.parametrize("aggregation", [n for n in names("model/aggregation") if n != "channel_boost"])
def test_aggregation_passes_gradients_to_volume_and_guide(aggregation: str) -> None:
    """An aggregation with parameters for the left features has to use these."""
    cfg = compose("build", ["model=tiny", f"model/aggregation={aggregation}"])
    norm, norm3d = instantiate(cfg.norm), instantiate(cfg.norm3d)
    build = instantiate(cfg.model.aggregation)
    stage, wider = (build(AggregationInput(4, {2: 8, 4: width}, norm, norm3d)) for width in (16, 20))
    guided = number_of_parameters(stage) != number_of_parameters(wider)
    for parameter in stage.parameters():  # layers that start at zero pass no gradient on
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    volume = torch.randn(2, 4, 8, 12, 16, requires_grad=True)
    guide = torch.randn(2, 16, 12, 16, requires_grad=True)
    logits = stage(volume, {4: guide})
    assert all(x.shape == (2, 1, 8, 12, 16) for x in logits)
    sum((x * torch.randn_like(x)).sum() for x in logits).backward()
    for tensor in [volume, *stage.parameters(), *([guide] if guided else [])]:
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
    assert volume.grad.any()
    assert not guided or guide.grad.any()


def number_of_parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("volume", names("model/volume"))
def test_volume_states_its_channels(volume: str) -> None:
    stage = instantiate(compose("build", [f"model/volume={volume}"]).model.volume)(16)
    built = stage(torch.randn(1, 16, 4, 9), torch.randn(1, 16, 4, 9), 3)
    assert built.shape == (1, stage.out_channels, 3, 4, 9)


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
