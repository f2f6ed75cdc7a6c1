"""Trunks of the timm library as the beginning of a training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from dsmnet import build_model
from dsmnet.api import weights_for
from dsmnet.errors import UserError
from dsmnet.models.state_dict import load_what_fits

GROUPS = ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1))


def mobilenet() -> dict[str, Tensor]:
    """The tensors of timm's mobilenetv2_100, of random values."""
    draw = torch.Generator().manual_seed(0)
    tensors: dict[str, Tensor] = {}

    def add(conv: str, norm: str, *shape: int) -> None:
        tensors[f"{conv}.weight"] = torch.randn(shape, generator=draw)
        for part in ("weight", "bias", "running_mean", "running_var"):
            tensors[f"{norm}.{part}"] = torch.rand(shape[0], generator=draw)
        tensors[f"{norm}.num_batches_tracked"] = torch.tensor(1)

    add("conv_stem", "bn1", 32, 3, 3, 3)
    given = 32
    for at, (expand, channels, blocks) in enumerate(GROUPS):
        for n in range(blocks):
            block, wide = f"blocks.{at}.{n}", expand * given
            if expand > 1:
                add(f"{block}.conv_pw", f"{block}.bn1", wide, given, 1, 1)
            add(f"{block}.conv_dw", f"{block}.bn{1 + (expand > 1)}", wide, 1, 3, 3)
            last = f"{block}.conv_pw{'l' if expand > 1 else ''}"
            add(last, f"{block}.bn{2 + (expand > 1)}", channels, wide, 1, 1)
            given = channels
    add("conv_head", "bn2", 1280, 320, 1, 1)
    return tensors | {"classifier.weight": torch.zeros(1000, 1280), "classifier.bias": torch.zeros(1000)}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("timm") / "mobilenetv2_100.pth"
    torch.save(mobilenet(), path)
    return path


@pytest.mark.parametrize("norm", ["batch", "domain", "ibn_a"])
def test_trunk_of_timm_is_taken(norm: str, file: Path) -> None:
    net = build_model("lightstereo_s", norm=norm).net
    load_what_fits(net, weights_for(net, file, "init", partly=True), "init")
    state, timm = net.state_dict(), mobilenet()
    trunk = {name: each for name, each in state.items() if ".trunk." in name and each.ndim == 4}
    convs = [
        each
        for name, each in timm.items()
        if each.ndim == 4 and not name.startswith(("conv_head", "blocks.6"))
    ]
    assert len(trunk) == len(convs)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(trunk.values(), convs, strict=True))
    if norm == "batch":
        own = {"backbone.trunk.stages.1.0.depthwise.1.running_var": "blocks.1.0.bn2.running_var"}
        own |= {"backbone.trunk.stem.1.bias": "bn1.bias"}
        assert all(torch.equal(state[ours], timm[theirs]) for ours, theirs in own.items())


@pytest.mark.parametrize(
    ("model", "partly", "message"),
    [
        ("lightstereo_s", False, r"init=.*: a trunk alone, .* expected init_partly=true too"),
        ("lightstereo_lx", True, r"init=.*other layers than the network's, first backbone\.trunk\."),
        ("dsmnet_lite", True, r"init=.*expected a network that has one"),
    ],
)
def test_trunk_that_fits_nothing_is_told_in_one_line(
    model: str, partly: bool, message: str, file: Path
) -> None:
    net = build_model(model).net
    with pytest.raises(UserError, match=message) as told:
        weights_for(net, file, "init", partly=partly)
    assert "\n" not in str(told.value)
