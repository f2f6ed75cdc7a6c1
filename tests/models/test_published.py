"""Published networks: their numbers of parameters, and the disparity of the authors' code."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dsmnet import build_model, load_model
from dsmnet.errors import ShapeError, UserError
from dsmnet.models.official import psmnet, to_our_names

Official = Callable[..., dict[str, Tensor]]
PIXELS = ((0, 0), (10, 20), (31, 64), (40, 100), (63, 127))


@pytest.mark.parametrize(
    ("overrides", "count"),
    [
        (["model=dsmnet", "model.stride=4"], 4_968_420),
        (["model=dsmnet", "model.stride=3"], 4_974_980),
        (["model=psmnet", "norm=batch"], 5_224_768),
        (["model=gwcnet", "norm=batch"], 6_909_728),
        (["model=gwcnet", "norm=batch", "model.features.joined=0"], 6_518_560),
        (["model=dsmnet_lite"], 929_735),
        (["model=raft_stereo"], 11_116_176),
        (["model=raft_stereo", "norm@model.context_norm=instance_plain"], 11_108_688),
        (["model=raft_stereo_shared"], 10_639_664),
        (["model=raft_stereo_realtime"], 9_865_568 - 903_296 - 885_120),  # theirs has an unused third level
        (["model=igev_stereo"], 12_598_114 - 16),  # theirs has an unused norm of 8 channels
        (["model=rt_igev"], 4_165_162 - 16),
    ],
)
def test_published_network_has_the_parameters_of_the_authors(overrides: list[str], count: int) -> None:
    """What the authors' constructors make; the 1/3 DSMNet declares a block that it never uses."""
    model, *others = overrides
    with torch.device("meta"):
        net = build_model(model.removeprefix("model="), overrides=others).net
    assert sum(p.numel() for p in net.parameters()) == count
    if "dsmnet" in model and count != 929_735:
        assert sum(p.numel() for p in net.parameters() if p.requires_grad) == 4_968_420


def noise_views(noise: Callable[[int, int], Tensor], size: tuple[int, int]) -> list[Tensor]:
    return [
        (2 * noise(3 * math.prod(size), seed) - 1).float().double().view(1, 3, *size) for seed in (1000, 1001)
    ]


@pytest.mark.parametrize(
    ("network", "size", "mean", "pixels"),
    [
        ("dsmnet_stride4", (64, 128), 24.672130, [25.239703, 26.440797, 15.715368, 26.721452, 27.142603]),
        ("dsmnet_stride3", (96, 144), 37.003447, [42.354687, 4.002995, 47.643320, 47.616847, 47.673024]),
        ("gwcnet", (64, 128), 27.205450, [21.839892, 18.379646, 6.695055, 40.803792, 16.297421]),
    ],
)
def test_published_network_with_the_authors_tensors_gives_their_disparity(
    network: str,
    size: tuple[int, int],
    mean: float,
    pixels: list[float],
    tmp_path: Path,
    official: Official,
    noise: Callable[[int, int], Tensor],
) -> None:
    """Theirs, CUDA kernels compiled for the CPU, in float64 with the same tensors and views."""
    head = {} if network == "gwcnet" else {"head": 60.0}
    torch.save({"state_dict": official(network, **head)}, tmp_path / "official.pth")
    net = load_model(tmp_path / "official.pth", device="cpu").net.double()
    with torch.inference_mode():
        disparity = net(*noise_views(noise, size), 64 if network == "gwcnet" else 48)[-1][0, 0]
    assert disparity.mean().item() == pytest.approx(mean, abs=1e-5)
    assert [disparity[y, x].item() for y, x in PIXELS] == pytest.approx(pixels, abs=1e-5)


def test_published_psmnet_with_smaller_windows_gives_their_disparity(
    official: Official, noise: Callable[[int, int], Tensor]
) -> None:
    """The published windows ask for 256 x 512 pixels; smaller ones were put into the authors' code too."""
    net = build_model("psmnet", "batch", ["model.features.pools=[16,8,4,2]"]).net.double().eval()
    net.load_state_dict(to_our_names(official("psmnet"), net.state_dict(), psmnet, "test"))
    with torch.inference_mode():
        disparity = net(*noise_views(noise, (64, 128)), 64)[-1][0, 0]
    assert disparity.mean().item() == pytest.approx(37.203911, abs=1e-5)
    expected = [23.835490, 20.426296, 56.973284, 29.331901, 26.936870]
    assert [disparity[y, x].item() for y, x in PIXELS] == pytest.approx(expected, abs=1e-5)


def test_published_gwcnet_g_is_told_from_gwcnet_gc(tmp_path: Path, official: Official) -> None:
    tensors = {name: t for name, t in official("gwcnet").items() if "lastconv" not in name}
    tensors["dres0.0.0.weight"] = tensors["dres0.0.0.weight"][:, :40]
    torch.save({"model": {f"module.{name}": t for name, t in tensors.items()}}, tmp_path / "g.ckpt")
    net = load_model(tmp_path / "g.ckpt", device="cpu").net
    assert net.state_dict()["aggregation.conv_in.0.0.weight"].shape == (32, 40, 3, 3, 3)


def test_published_dsmnet_of_the_paper_has_two_more_graph_filters() -> None:
    with torch.device("meta"):
        paper, released = (
            dict(build_model("dsmnet", overrides=[f"model.graph_filters={value}"]).net.named_modules())
            for value in ("true", "false")
        )
    assert {"aggregation.filters.0.fuse", "aggregation.filters.1.fuse"} <= set(paper)
    assert "aggregation.filters.0" not in released


def test_published_dsmnet_with_impossible_options_names_them() -> None:
    for override, message in (
        ("model.stride=5", r"model.stride=5: expected 3 or 4"),
        ("model.widths=[8,8]", r"model.widths=\[8, 8\]: expected five"),
    ):
        with pytest.raises(UserError, match=message):
            build_model("dsmnet", overrides=[override])
    net = build_model("dsmnet", overrides=["model.widths=[8,8,8,8,8]"]).net
    with pytest.raises(ShapeError, match=r"multiples of 64, got \(1, 3, 100, 128\); in training choose crop"):
        net(torch.zeros(1, 3, 100, 128), torch.zeros(1, 3, 100, 128))
