"""The published DSMNet: its size, its slots, and that it learns."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dsmnet import build_model
from dsmnet.api import load_model
from dsmnet.config import compose, config_dir
from dsmnet.errors import ShapeError, UserError
from dsmnet.evaluation import EvaluationProtocol, evaluate_set
from dsmnet.evaluation.sets import HeldBack
from dsmnet.inference import StereoPredictor
from dsmnet.run import train
from dsmnet.synthetic import SyntheticStereo

TINY = ["model.widths=[8,8,12,12,12]", "model.volume_widths=[8,8,8]"]
NORMS = sorted(path.stem for path in (config_dir() / "norm").glob("*.yaml"))


def tiny(norm: str = "domain", *overrides: str) -> StereoPredictor:
    torch.manual_seed(0)
    return build_model("dsmnet", norm=norm, overrides=[*TINY, *overrides])


def count(predictor: StereoPredictor) -> int:
    return sum(p.numel() for p in predictor.parameters())


@pytest.mark.parametrize(("stride", "parameters"), [(4, 4_968_420), (3, 4_974_980)])
@pytest.mark.parametrize("norm", ["domain", "domain_l2_first"])
def test_it_has_the_parameters_of_the_released_networks(norm: str, stride: int, parameters: int) -> None:
    net = build_model("dsmnet", norm=norm, overrides=[f"model.stride={stride}"])
    assert count(net) == parameters
    used = sum(p.numel() for p in net.parameters() if p.requires_grad)
    assert used == 4_968_420  # the 1/3 network declares a block that it never uses


@pytest.mark.parametrize(
    ("network", "size", "mean", "pixels"),
    [
        ("dsmnet_stride4", (64, 128), 24.672130, [25.239703, 26.440797, 15.715368, 26.721452, 27.142603]),
        ("dsmnet_stride3", (96, 144), 37.003447, [42.354687, 4.002995, 47.643320, 47.616847, 47.673024]),
    ],
)
def test_disparity_of_the_authors_code(
    network: str,
    size: tuple[int, int],
    mean: float,
    pixels: list[float],
    tmp_path: Path,
    official: Callable[..., dict[str, Tensor]],
    noise: Callable[[int, int], Tensor],
) -> None:
    """Theirs, their CUDA kernels compiled for the CPU, in float64 with the same tensors and views."""
    torch.save({"state_dict": official(network, head=60.0)}, tmp_path / "official.pth")
    net = load_model(tmp_path / "official.pth", format="official", device="cpu").net.double()
    views = [(2 * noise(3 * math.prod(size), s) - 1).float().double().view(1, 3, *size) for s in (1000, 1001)]
    with torch.inference_mode():
        disparity = net(*views, 48)[-1][0, 0]
    assert disparity.mean().item() == pytest.approx(mean, abs=1e-5)
    places = ((0, 0), (10, 20), (31, 64), (40, 100), (63, 127))
    assert [disparity[y, x].item() for y, x in places] == pytest.approx(pixels, abs=1e-5)


@pytest.mark.parametrize("stride", [3, 4])
def test_outputs_and_their_ranges(stride: int) -> None:
    net = tiny("domain", f"model.stride={stride}").net.train()
    height, width = 2 * net.divisor, 3 * net.divisor
    views = torch.randn(2, 1, 3, height, width)
    output = net.match(*views, max_disparity=40)
    assert [tuple(d.shape) for d in output.disparities] == [(1, 1, height, width)] * 3
    planes = {3: 48 // 3 + 1, 4: 48 // 4 + 1}[stride]  # 40 is rounded up so that planes can be halved twice
    assert [tuple(s.shape) for s in output.scores] == [(1, 1, planes, height // stride, width // stride)] * 3
    assert all(((d >= 0) & (d <= 48)).all() for d in output.disparities)
    (final,) = net.eval()(*views, 40)
    assert final.shape == (1, 1, height, width)


@pytest.mark.parametrize("norm", NORMS)
def test_every_normalisation(norm: str) -> None:
    net = tiny(norm, f"norm@norm3d={norm}").net.train()
    views = torch.randn(2, 2, 3, 128, 192)
    sum(d.mean() for d in net(*views, 32)).backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)
    assert torch.isfinite(net.eval()(*views, 32)[-1]).all()


@pytest.mark.parametrize("overrides", [(), ("model.graph_filters=true", "model.similarity=cosine")])
def test_every_parameter_learns(overrides: tuple[str, ...]) -> None:
    net = tiny("domain", *overrides).net.train()
    views = torch.randn(2, 2, 3, 128, 192)
    output = net.match(*views, max_disparity=32)
    (sum(d.square().mean() for d in output.disparities)).backward()
    silent = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_the_papers_variant_has_two_more_graph_filters() -> None:
    names = dict(tiny("domain", "model.graph_filters=true").net.named_modules())
    assert {"aggregation.filters.0.fuse", "aggregation.filters.1.fuse"} <= set(names)
    assert "aggregation.filters.0" not in dict(tiny().net.named_modules())


@pytest.mark.parametrize("size", [(50, 70), (131, 257)])
def test_any_image_size(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    disparity = tiny().predict(image, image, max_disparity=24)
    assert disparity.shape == size
    assert np.isfinite(disparity).all()


def test_computes_in_float64_when_asked_to() -> None:
    net = tiny().net.double().eval()
    views = torch.randn(2, 1, 3, 128, 128, dtype=torch.float64)
    assert net(*views, 32)[-1].dtype == torch.float64


def test_mistakes_name_the_option_or_print_both_shapes() -> None:
    with pytest.raises(UserError, match=r"model.stride=5: expected 3 or 4"):
        tiny("domain", "model.stride=5")
    with pytest.raises(UserError, match=r"model.widths=\[8, 8\]: expected five"):
        build_model("dsmnet", overrides=["model.widths=[8,8]"])
    net = tiny().net
    with pytest.raises(ShapeError, match=r"multiples of 64, got \(1, 3, 100, 128\); in training choose crop"):
        net(torch.zeros(1, 3, 100, 128), torch.zeros(1, 3, 100, 128))
    with pytest.raises(ShapeError, match=r"left \(1, 3, 128, 128\) and right \(1, 3, 128, 192\)"):
        net(torch.zeros(1, 3, 128, 128), torch.zeros(1, 3, 128, 192))


def test_training_has_its_crop_and_loss_unless_told_otherwise() -> None:
    cfg = compose("train", ["model=dsmnet", "paths.output=unused"])
    assert (cfg.crop.height, cfg.crop.width, cfg.max_disparity) == (256, 512, 192)
    assert list(cfg.loss.disparity_weights) == [0.2, 0.6, 1.0]
    assert list(cfg.dataset.size) == [288, 576]
    assert cfg.choices["norm@norm3d"] == "batch"
    cfg = compose("train", ["model=dsmnet", "crop.width=640", "norm@norm3d=none", "paths.output=unused"])
    assert (cfg.crop.width, cfg.choices["norm@norm3d"]) == (640, "none")


def test_a_short_training_lowers_the_error(tmp_path: Path) -> None:
    """Of a narrow network: to less than 85 % of the first steps' loss, and of the EPE on unseen scenes."""
    settings = [
        "model=dsmnet",
        *TINY,
        "trainer=debug",
        "trainer.threads=1",
        "trainer.max_steps=80",
        "callbacks.ema.decay=0.9",
        "optimizer.lr=1e-2",
        "crop.height=64",
        "crop.width=128",
        "dataset.size=[64,128]",
        "dataset.largest_disparity=24",
        "dataset.min_near=8",
        "dataset.validation_length=4",
        "max_disparity=32",
        "loader.batch_size=2",
        "loader.epoch_steps=80",
        "loader.validation_pairs=2",
        "progress=false",
        f"paths.output={tmp_path}",
    ]
    cfg = compose("train", settings)
    scenes = SyntheticStereo(size=(64, 128), largest_disparity=24, min_near=8, validation_length=4)
    validation = HeldBack(scenes, 4)

    def error(predictor: StereoPredictor) -> float:
        protocol = EvaluationProtocol()
        return evaluate_set(predictor, validation, protocol, max_disparity=32, progress=False).average("epe")

    fresh = error(tiny().eval())
    trained = error(load_model(train(cfg, tmp_path), device="cpu"))
    with (tmp_path / "metrics.csv").open() as file:
        losses = [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert sum(losses[-20:]) < 0.85 * sum(losses[:20])
    assert trained < 0.85 * fresh
