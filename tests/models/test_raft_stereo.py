"""RAFT-Stereo: the disparity of the authors' code, its files, and what it does without a search range."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from dsmnet import build_model, load_model
from dsmnet.errors import FormatError, ShapeError, UserError
from dsmnet.export import export
from dsmnet.export.parity import check_parity
from dsmnet.models.stereo_net import StereoNet

Noise = Callable[[int, int], Tensor]
Official = Callable[..., dict[str, Tensor]]
SEEDS = (1000, 1001)
PIXELS = ((0, 0), (10, 20), (31, 64), (20, 100), (31, 127))
NARROW = ["model.widths=[8,8,8]", "model.matched=16", "model.hidden=8", "model.iterations=2"]
NARROW += ["model.train_iterations=2", "model.levels=2"]


def write(path: Path, tensors: dict[str, Tensor]) -> Path:
    torch.save({f"module.{name}": tensor for name, tensor in tensors.items()}, path)
    return path


@pytest.mark.parametrize("correlation", ["reg", "alt"])
@pytest.mark.parametrize(
    ("form", "mean", "pixels"),
    [
        (None, -7.88767616, [-0.29527648, -7.01379845, -4.83825387, -15.26488102, -0.94378986]),
        ("realtime", -4.84585819, [6.33696961, -3.64002068, -9.07631805, -3.27028129, 1.93173554]),
        ("shared", -7.71811189, [0.73176053, -5.77781429, -4.83251922, -14.86035911, -0.58602397]),
        ("instance", 1.73168561, [0.8698826, 10.98304443, -2.25124427, -2.38538439, -5.63859513]),
    ],
)
def test_authors_file_gives_the_authors_disparity(
    form: str | None,
    mean: float,
    pixels: list[float],
    correlation: str,
    tmp_path: Path,
    official: Official,
    noise: Noise,
) -> None:
    """Theirs in float64, with the same tensors and views, after three steps; `reg` is `alt` there too."""
    found = load_model(write(tmp_path / "theirs.pth", official("raft_stereo", form=form)), device="cpu")
    net = found.net.double()
    assert isinstance(net, StereoNet)
    net.iterations, net.correlation.in_memory = 3, correlation == "reg"
    views = [(2 * noise(3 * 32 * 128, seed) - 1).float().double().view(1, 3, 32, 128) for seed in SEEDS]
    with torch.inference_mode():
        disparity = net(*views)[-1][0, 0]
    assert disparity.mean().item() == pytest.approx(mean, abs=1e-6)
    assert [disparity[y, x].item() for y, x in PIXELS] == pytest.approx(pixels, abs=1e-6)


def test_authors_file_says_its_form(tmp_path: Path, official: Official) -> None:
    for form, model, iterations in ((None, "raft_stereo", 32), ("realtime", "raft_stereo_realtime", 7)):
        path = write(tmp_path / "theirs.pth", official("raft_stereo", form=form))
        found = load_model(path, device="cpu")
        assert (found.config["model"], found.net.iterations) == (model, iterations)
        again = load_model(path, device="cpu", iterations=5)
        assert again.net.iterations == again.config["network"]["iterations"] == 5


@pytest.mark.parametrize("form", [None, "realtime"])
def test_broken_file_of_the_authors_is_refused_with_what_differs(
    form: str | None, tmp_path: Path, official: Official
) -> None:
    tensors = official("raft_stereo", form=form)
    del tensors["update_block.gru08.convq.bias"]
    tensors["cnet.layer9.surprise"] = torch.zeros(3)
    tensors["update_block.encoder.convc1.weight"] = torch.zeros(64, 27, 1, 1)  # other levels or radius
    with pytest.raises(ShapeError) as refused:
        load_model(write(tmp_path / "broken.pth", tensors), device="cpu")
    text = str(refused.value)
    assert "3 differences" in text
    for part in ("missing: update_block.gru08.convq.bias", "unknown: cnet.layer9.surprise", "(64, 27, 1, 1)"):
        assert part in text


def test_group_norm_in_the_context_is_refused(tmp_path: Path, official: Official) -> None:
    tensors = {k: v for k, v in official("raft_stereo").items() if "running" not in k}
    with pytest.raises(FormatError, match="context_norm=group: expected weights with batch or instance"):
        load_model(write(tmp_path / "group.pth", tensors), device="cpu")


def test_batch_norms_of_the_context_keep_their_statistics_in_training() -> None:
    for model, options in (("raft_stereo", []), ("raft_stereo_shared", [])):
        net = build_model(model, "batch", [*NARROW, *options]).net.train()
        net.match(*torch.randn(2, 2, 3, 64, 64))
        moved = {
            name.partition(".")[0]
            for name, module in net.named_modules()
            if isinstance(module, _BatchNorm) and module.running_mean.any()
        }
        assert moved == ({"backbone"} if model == "raft_stereo" else set())
    free = build_model("raft_stereo", "batch", [*NARROW, "model.freeze_batch_norm=false"]).net.train()
    assert all(module.training for module in free.modules())


def test_norms_of_both_encoders_are_chosen_apart() -> None:
    net = build_model("raft_stereo", "domain", [*NARROW, "norm@model.context_norm=group"]).net
    kinds = {n.partition(".")[0]: type(m).__name__ for n, m in net.named_modules() if "Norm" in str(type(m))}
    assert kinds == {"backbone": "DomainNorm", "context_trunk": "GroupNorm", "context": "GroupNorm"}


def test_more_steps_go_on_from_fewer() -> None:
    """Training gives the disparity of every step, those of fewer steps first; and none has logits."""
    torch.manual_seed(0)
    net = build_model("raft_stereo", None, NARROW).net.train()
    views = torch.randn(2, 1, 3, 32, 64)
    net.train_iterations = 3
    with torch.no_grad():
        three = net.match(*views)
        for steps in (1, 3):
            net.eval().iterations = steps
            (last,) = net(*views)
            torch.testing.assert_close(three.disparities[steps - 1], last)
    assert three.logits == []


def test_search_range_changes_nothing_and_negative_disparities_stay() -> None:
    torch.manual_seed(0)
    matcher = build_model("raft_stereo", None, NARROW)
    left, right = np.random.default_rng(0).random((2, 40, 70, 3), np.float32)
    found = [matcher.predict(left, right, pixels) for pixels in (1, 64, 5000)]
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[1], found[2])
    with torch.no_grad():
        matcher.net.flow_head[2].bias += 10
    assert matcher.predict(left, right).max() < 0
    assert not matcher.has_range
    assert build_model("tiny").has_range


def test_confidence_falls_with_the_size_of_the_last_updates() -> None:
    torch.manual_seed(0)
    matcher = build_model("raft_stereo", None, NARROW)
    left, right = np.random.default_rng(0).random((2, 40, 70, 3), np.float32)
    means = []
    for scale in (0.0, 1.0, 30.0):
        with torch.no_grad():
            matcher.net.flow_head[2].weight.fill_(0)
            matcher.net.flow_head[2].bias.fill_(scale / matcher.net.stride)
        disparity, confidence = matcher.predict_with_confidence(left, right, 32, "sharpness")
        assert disparity.shape == confidence.shape
        means.append(float(confidence.mean()))
    assert means == pytest.approx([1.0, 1 / (1 + 2**2), 1 / (1 + 60**2)], rel=1e-4)


def test_exported_file_gives_the_same_and_takes_any_range(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    options = [*NARROW, "model.levels=1", "model.correlation.levels=2", "model.iterations=1"]
    network = build_model("raft_stereo", None, options).eval()
    file = export(network, tmp_path / "raft", "onnx", 192, size=(64, 96))
    exported = load_model(file, device="cpu")
    (found,) = check_parity(network, exported, [[60, 90]], 300, 1e-4)
    assert found["within"]
    assert not exported.has_range
    with pytest.raises(UserError, match=r"iterations=3: fixed in checkpoint=.*raft\.onnx"):
        load_model(file, device="cpu", iterations=3)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.stride=3", "model.stride=3.*expected 1, 2, 4 or 8"),
        ("model.levels=4", "model.levels=4: expected 1, 2 or 3"),
        ("model.iterations=0", "model.iterations=0: expected a whole number of at least 1"),
    ],
)
def test_impossible_option_is_named(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_model("raft_stereo", None, [*NARROW, override])
    with pytest.raises(UserError, match="iterations=3: model=dsmnet_lite does not refine in steps"):
        load_model(device="cpu", iterations=3)
