"""LightStereo: the disparity of the authors' code, its files, and what it does with its range."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dsmnet import build_model, load_model
from dsmnet.errors import ShapeError, UserError
from dsmnet.export import export
from dsmnet.export.parity import check_parity
from dsmnet.models.official.lightstereo import LightStereoNames

Noise = Callable[[int, int], Tensor]
Fill = Callable[..., dict[str, Tensor]]
PIXELS = ((0, 0), (10, 20), (31, 64), (40, 100), (63, 127))
NARROW = ["model.max_disparity=64", "model.aggregation.blocks=[1,2,1]", "model.aggregation.expand=2"]
NARROW += ["model.features.trunk.widths=[8,8,8,8,8,8,16]"]


def shapes(form: str) -> dict[str, list[int]]:
    """Those of the authors' form, by their names in alphabetical order."""
    with torch.device("meta"):
        state = build_model(f"lightstereo_{form}", None).net.state_dict()
    names = LightStereoNames(efficient=form == "lx")
    return dict(sorted((names.official_name(name), list(each.shape)) for name, each in state.items()))


def write(path: Path, tensors: dict[str, Tensor], prefix: str = "") -> Path:
    """Write what OpenStereo does after an epoch."""
    weight = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.AdamW([weight])
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=10)
    state = {prefix + name: tensor for name, tensor in tensors.items()}
    rest = {"optimizer_state": optimizer.state_dict(), "scheduler_state": scheduler.state_dict()}
    torch.save({"epoch": 89, "model_state": state, **rest, "scaler_state": {"scale": 1.0}}, path)
    return path


@pytest.mark.parametrize(
    ("form", "prefix", "names", "parameters", "mean", "pixels"),
    [
        (
            *("s", "", "84667babcbebf436", 3_441_360, 62.06618134),
            [28.6482731, 52.61690351, 80.55161929, 71.55491143, 17.48346541],
        ),
        (
            *("m", "module.", "c856b87370124331", 7_641_264, 65.38420189),
            [26.2416213, 55.91088565, 105.38603735, 62.54223707, 23.74646058],
        ),
        (
            *("l", "", "ae9588e639f563d8", 24_286_512, 80.59954667),
            [45.90134166, 78.63112637, 122.58462116, 82.74689263, 43.5283138],
        ),
        (
            *("lx", "", "168f42957040cc0a", 45_627_160, 55.29409594),
            [30.15008552, 40.47254257, 70.32357225, 76.07491692, 17.08030242],
        ),
    ],
)
def test_authors_file_gives_the_authors_disparity(
    form: str,
    prefix: str,
    names: str,
    parameters: int,
    mean: float,
    pixels: list[float],
    tmp_path: Path,
    fill: Fill,
    noise: Noise,
) -> None:
    """Theirs in float64, without their one cast to float32; `names` is of their names and shapes."""
    theirs = shapes(form)
    text = "\n".join(f"{name} {shape}" for name, shape in theirs.items())
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == names
    found = load_model(write(tmp_path / "theirs.pth", fill(theirs), prefix), device="cpu")
    assert found.config["model"] == f"lightstereo_{form}"
    net = found.net.double()
    assert sum(p.numel() for p in net.parameters()) == parameters
    views = [
        (2 * noise(3 * 64 * 128, seed) - 1).float().double().view(1, 3, 64, 128) for seed in (1000, 1001)
    ]
    with torch.inference_mode():
        disparity = net(*views)[-1][0, 0]
    assert disparity.mean().item() == pytest.approx(mean, abs=1e-6)
    assert [disparity[y, x].item() for y, x in PIXELS] == pytest.approx(pixels, abs=1e-6)


@pytest.mark.parametrize("form", ["s", "lx"])
def test_broken_file_of_the_authors_is_refused_with_what_differs(
    form: str, tmp_path: Path, fill: Fill
) -> None:
    tensors = fill(shapes(form))
    del tensors["cost_agg.att2.conv1_1.bias"]
    tensors["backbone.block0.0.surprise"] = torch.zeros(3)
    tensors["refine_3.block.0.weight"] = torch.zeros(16, 9, 3, 3)
    with pytest.raises(ShapeError) as refused:
        load_model(write(tmp_path / "broken.pth", tensors), device="cpu")
    text = str(refused.value)
    assert "3 differences" in text
    for part in (
        "missing: cost_agg.att2.conv1_1.bias",
        "unknown: backbone.block0.0.surprise",
        "(16, 9, 3, 3)",
    ):
        assert part in text
    kept = {name: each for name, each in tensors.items() if not name.startswith("cost_agg.conv0.")}
    with pytest.raises(ShapeError, match=r"broken.pth is not the official network: .* differences"):
        load_model(write(tmp_path / "broken.pth", kept), device="cpu")


def test_norms_of_features_aggregation_and_heads_are_chosen_apart() -> None:
    options = [*NARROW, "norm@norm3d=group", "norm@model.head_norm=instance"]
    net = build_model("lightstereo_s", "domain", options).net
    kinds: dict[str, set[str]] = {}
    for name, module in net.named_modules():
        if type(module).__name__.endswith("Norm") and name != "normalize":
            kinds.setdefault(".".join(name.split(".")[:2]), set()).add(type(module).__name__)
    assert kinds.pop("backbone.out") == kinds.pop("upsampling.at_quarter") == {"InstanceNorm"}
    assert {kind for name, each in kinds.items() for kind in each if "aggregation" in name} == {"GroupNorm"}
    assert {kind for name, each in kinds.items() for kind in each if "aggregation" not in name} == {
        "DomainNorm"
    }


def test_range_is_that_of_the_weights_whatever_is_asked_for() -> None:
    torch.manual_seed(0)
    matcher = build_model("lightstereo_s", None, NARROW)
    left, right = np.random.default_rng(0).random((2, 40, 70, 3), np.float32)
    found = [matcher.predict(left, right, pixels) for pixels in (1, 64, 5000)]
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[1], found[2])
    assert 0 <= found[0].min() < found[0].max() <= 60
    wider = build_model("lightstereo_s", None, [*NARROW, "model.max_disparity=96"]).net
    assert wider.aggregation.down[0][0].project[0].out_channels == wider.planes() == 24


def test_exported_file_gives_the_same_and_takes_any_range(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    network = build_model("lightstereo_s", None, [*NARROW, "model.aggregation.blocks=[1,1,1]"]).eval()
    exported = load_model(export(network, tmp_path / "light", "onnx", 192, size=(64, 96)), device="cpu")
    (found,) = check_parity(network, exported, [[60, 90]], 300, 1e-4)
    assert found["within"]
    assert not exported.has_range


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.aggregation.blocks=[1,2]", r"model.aggregation.blocks=\[1, 2\]: expected numbers of three"),
        (
            "model.aggregation.blocks=[1,2,0]",
            "model.aggregation.blocks=0: expected a whole number of at least 1",
        ),
        ("model.aggregation.expand=0", "model.aggregation.expand=0: expected a whole number of at least 1"),
        ("model.features.trunk.widths=[8]", r"widths=\[8\]: expected channels of 7 groups of layers"),
    ],
)
def test_impossible_option_is_named(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_model("lightstereo_s", None, [*NARROW, override])
