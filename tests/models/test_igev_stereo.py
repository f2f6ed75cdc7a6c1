"""IGEV-Stereo and RT-IGEV: the disparity of the authors' code, their files, and how the parts behave."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet import build_model, load_model
from dsmnet.errors import FormatError, ShapeError, UserError
from dsmnet.export import export
from dsmnet.export.parity import check_parity
from dsmnet.inference import StereoPredictor
from dsmnet.stages.iterative.geometry_lookup import GeometryLookup
from tests.models.test_networks import NETWORKS

Noise = Callable[[int, int], Tensor]
Official = Callable[..., dict[str, Tensor]]
PIXELS = ((0, 0), (10, 20), (31, 64), (20, 100), (63, 127))
BOTH = pytest.mark.parametrize("model", ["igev_stereo", "rt_igev"])
PUBLISHED = {  # theirs after three steps, and the one before them: mean, then `PIXELS`
    "igev_stereo": (
        [108.21481277, 40.03604016, 113.48326405, 131.37616675, 117.6524626, 46.06844422],
        [88.14176857, 50.18253891, 93.84409499, 93.19440362, 93.64342901, 49.0270748],
    ),
    "rt_igev": (
        [75.15337091, 34.57721932, 96.04743797, 70.20724345, 82.829628, 37.30364659],
        [88.13570336, 50.19115318, 93.88796176, 93.89726428, 94.17473206, 40.95697903],
    ),
}


def write(path: Path, tensors: dict[str, Tensor]) -> Path:
    torch.save({f"module.{name}": tensor for name, tensor in tensors.items()}, path)
    return path


def narrow(model: str, norm: str | None = None, *options: str) -> StereoPredictor:
    torch.manual_seed(0)
    return build_model(model, norm, [*NETWORKS[model], *options])


@pytest.mark.parametrize("in_memory", [True, False])
@BOTH
def test_authors_file_gives_the_authors_disparity(
    model: str, in_memory: bool, tmp_path: Path, official: Official, noise: Noise
) -> None:
    """Theirs in float64, with the same tensors and views, 192 pixels of range."""
    found = load_model(write(tmp_path / "theirs.pth", official(model)), device="cpu", iterations=3)
    assert (found.config["model"], found.net.iterations) == (model, 3)
    net = found.net.double()
    if net.lookup.correlation is not None:
        net.lookup.correlation.in_memory = in_memory
    size = (1, 3, 64, 128)
    views = [(2 * noise(math.prod(size), seed) - 1).float().double().view(size) for seed in (1000, 1001)]
    with torch.inference_mode():
        last = net(*views)[-1]
        net.training, net.train_iterations = True, 3  # of this module alone: norms stay as they are
        first, *_, same = net.match(*views).disparities
    assert torch.equal(last, same)
    for disparity, expected in zip((last[0, 0], first[0, 0]), PUBLISHED[model], strict=True):
        values = [disparity.mean().item(), *(disparity[y, x].item() for y, x in PIXELS)]
        assert values == pytest.approx(expected, abs=1e-6)


@BOTH
def test_broken_file_of_the_authors_is_refused_with_what_differs(
    model: str, tmp_path: Path, official: Official
) -> None:
    tensors = official(model)
    del tensors["feature.block3.1.0.conv_dw.weight"]
    tensors["cost_agg.surprise"] = torch.zeros(3)
    tensors["desc.weight"] = torch.zeros(96, 48, 1, 1)
    with pytest.raises(ShapeError) as refused:
        load_model(write(tmp_path / "broken.pth", tensors), device="cpu")
    text = str(refused.value)
    for part in ("3 differences", "missing: feature.block3.1.0.", "unknown: cost_agg.surprise", "(96, 48,"):
        assert part in text


def test_file_of_a_relative_is_not_taken_for_it(tmp_path: Path, official: Official) -> None:
    """IGEV++ has three hourglasses of other names."""
    tensors = {k.replace("cost_agg.", "cost_agg0."): v for k, v in official("igev_stereo").items()}
    with pytest.raises(FormatError, match="IGEV-Stereo, RT-IGEV or LightStereo"):
        load_model(write(tmp_path / "plus.pth", tensors), device="cpu")


def test_fewer_resolutions_are_read_off_the_file(tmp_path: Path, official: Official) -> None:
    tensors = {k: v for k, v in official("igev_stereo").items() if not k.startswith("context_zqr_convs.2.")}
    tensors |= {f"update_block.gru08.conv{at}.weight": torch.zeros(128, 256, 3, 3) for at in "zrq"}
    assert len(load_model(write(tmp_path / "two.pth", tensors), device="cpu").net.update.units) == 2


@pytest.mark.parametrize("in_memory", [True, False])
def test_look_up_is_linear_between_planes_and_columns_and_zero_outside(in_memory: bool) -> None:
    """As torch's grid_sample reads the same volumes, at two levels, the volume before the pairs."""
    torch.manual_seed(0)
    geometry, left, right = torch.randn(2, 3, 8, 4, 16), torch.randn(2, 6, 4, 16), torch.randn(2, 6, 4, 16)
    disparity = 24 * torch.rand(2, 1, 4, 16) - 8
    lookup = GeometryLookup(levels=2, radius=2, in_memory=in_memory)
    found = lookup(geometry, left, right).look_up(disparity)
    assert found.shape[1] == lookup.channels(3) == 2 * 5 * 4

    def read(volume: Tensor, place: Tensor) -> Tensor:  # [N, C, h, w, D] at [N, 1, h, w]
        x = place[:, 0, :, :, None] + torch.arange(-2, 3)
        rows = volume.permute(0, 2, 3, 1, 4).flatten(0, 2)[:, :, None]
        grid = torch.stack([2 * x / (volume.shape[-1] - 1) - 1, torch.zeros_like(x)], -1).flatten(0, 2)
        out = F.grid_sample(rows, grid[:, None], align_corners=True)
        return out.reshape(2, 4, 16, -1).permute(0, 3, 1, 2)

    volume, pairs = geometry.permute(0, 1, 3, 4, 2), torch.einsum("nchw,nchv->nhwv", left, right)[:, None]
    expected = []
    for scale in (1, 2):
        expected += [read(volume, disparity / scale), read(pairs, (torch.arange(16) - disparity) / scale)]
        volume, pairs = ((x[..., ::2] + x[..., 1::2]) / 2 for x in (volume, pairs))
    torch.testing.assert_close(found, torch.cat(expected, 1), atol=1e-4, rtol=1e-4)


def test_flat_batch_norms_keep_their_statistics_in_training_and_those_of_volumes_move() -> None:
    for options, kinds in (([], {nn.BatchNorm3d}), (["model.freeze_batch_norm=false"], {nn.BatchNorm2d})):
        net = narrow("igev_stereo", "batch", *options).net.train()
        net.match(*torch.randn(2, 2, 3, 64, 64))
        moved = {type(m) for m in net.modules() if hasattr(m, "running_mean") and m.running_mean.any()}
        assert moved == kinds | {nn.BatchNorm3d}


def test_norms_of_the_parts_are_chosen_apart() -> None:
    options = ["norm@model.up_norm=instance", "norm@model.context_norm=group", "norm@norm3d=batch_instance"]
    net = narrow("igev_stereo", "domain", *options).net
    kinds: dict[str, set[str]] = {}
    for name, module in net.named_modules():
        if type(module).__name__ in ("DomainNorm", "InstanceNorm", "GroupNorm", "BatchInstanceNorm"):
            part = "trunk" if name.startswith("backbone.trunk") else name.partition(".")[0]
            kinds.setdefault(part, set()).add(type(module).__name__)
    assert kinds["trunk"] == {"DomainNorm"}
    assert kinds["backbone"] == kinds["to_matched"] == kinds["first_mask"] == {"InstanceNorm"}
    assert kinds["context"] == kinds["context_trunk"] == kinds["step_mask"] == {"GroupNorm"}
    assert kinds["aggregation"] == {"GroupNorm", "BatchInstanceNorm"}


@BOTH
def test_more_steps_go_on_from_fewer_and_the_range_counts(model: str) -> None:
    net = narrow(model).net.eval()
    views = torch.randn(2, 1, 3, 64, 96)
    net.training = True  # of this module alone
    with torch.no_grad():
        outputs = net.match(*views, 48).disparities
        net.eval()
        for steps in (1, 2, 3):
            net.iterations = steps
            torch.testing.assert_close(outputs[steps], net(*views, 48)[-1])
        assert not torch.allclose(net(*views, 48)[-1], net(*views, 96)[-1])


@pytest.mark.parametrize("in_memory", [True, False])
def test_half_precision_does_not_overflow_in_the_correlation(in_memory: bool) -> None:
    left, right = torch.full((2, 1, 96, 4, 16), 100.0).half()
    with torch.autocast("cpu", torch.float16):
        scores = GeometryLookup(in_memory=in_memory)(torch.zeros(1, 8, 8, 4, 16).half(), left, right)
    assert scores.look_up(torch.full((1, 1, 4, 16), 2.0)).max() == 100 * 100 * 96


@BOTH
def test_confidence_and_disparity_of_images_of_any_size(model: str) -> None:
    matcher = narrow(model)
    left, right = np.random.default_rng(0).random((2, 40, 70, 3), np.float32)
    with torch.no_grad():
        matcher.net.disparity_head[2].weight.fill_(0)
        matcher.net.disparity_head[2].bias.fill_(30 / 4)
    disparity, confidence = matcher.predict_with_confidence(left, right, 32, "sharpness")
    assert disparity.shape == confidence.shape == (40, 70)
    assert disparity.min() > 0
    assert float(confidence.mean()) == pytest.approx(1 / (1 + 60**2), rel=1e-4)


def test_exported_file_gives_the_same(tmp_path: Path) -> None:
    """Of the larger one, whose look-up has both volumes."""
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    network = narrow("igev_stereo", None, "model.iterations=1", "model.levels=1").eval()
    with torch.no_grad():
        network.net.disparity_head[2].weight *= 0.1  # drawn weights send disparities to hundreds of pixels
    file = export(network, tmp_path / "igev", "onnx", 48, size=(64, 96))
    exported = load_model(file, device="cpu")
    (found,) = check_parity(network, exported, [[60, 90]], 48, 1e-4)
    assert found["within"]
    with pytest.raises(UserError, match="iterations=3: fixed in checkpoint="):
        load_model(file, device="cpu", iterations=3)


@pytest.mark.parametrize(
    ("model", "override", "message"),
    [
        ("rt_igev", "model.levels=2", "model.levels=2: expected a whole number from 1 to 1"),
        ("igev_stereo", "model.lookup.levels=5", "lookup.levels=5: expected a whole number from 1 to 4"),
        ("igev_stereo", "model.widths=[4,8]", r"widths=\[4, 8\]: expected channels of 7 groups"),
        ("rt_igev", "model.volume.groups=5", "volume.groups=5 does not divide"),
        ("rt_igev", "model.iterations=0", "model.iterations=0: expected a whole number"),
    ],
)
def test_impossible_option_is_named(model: str, override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        narrow(model, None, override)
