"""What holds for every network: shapes, gradients, normalisations, search ranges, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet import build_model
from dsmnet.config import compose, config_dir, instantiate
from dsmnet.inference import StereoPredictor
from dsmnet.losses import StereoLoss

NARROW = ["model.features.widths=[8,8,16,16]", "model.features.blocks=[1,1,1,1]", "model.features.hidden=16"]
STEPS = ["model.widths=[8,8,8]", "model.matched=16", "model.hidden=16"]
STEPS += ["model.iterations=2", "model.train_iterations=3"]
IGEV = ["model.widths=[8,4,8,8,8,8,8]", "model.hidden=16", "model.motion=8", "model.head=16", *STEPS[-2:]]
LIGHT = ["model.max_disparity=64", "model.aggregation.blocks=[1,1,1]", "model.aggregation.expand=2"]
NETWORKS = {
    "tiny": [],
    "dsmnet_lite": [],
    "dsmnet_lean": [],
    "dsmnet": ["model.widths=[8,8,12,12,12]", "model.volume_widths=[8,8,8]"],
    "psmnet": [
        *NARROW,
        "model.features.pools=[8,4,2,1]",
        "model.features.pool_width=4",
        "model.aggregation.width=8",
    ],
    "gwcnet": [*NARROW, "model.features.joined=4", "model.volume.groups=5", "model.aggregation.width=8"],
    "raft_stereo": [*STEPS, "model.levels=2"],
    "raft_stereo_realtime": STEPS,
    "igev_stereo": [*IGEV, "model.context_widths=[8,8,8]", "model.levels=2"],
    "rt_igev": IGEV,
    "lightstereo_s": [*LIGHT, "model.features.trunk.widths=[8,8,8,8,8,8,16]"],
    "lightstereo_lx": [*LIGHT, "model.features.trunk.widths=[8,8,8,8,8,8,16]"],
}
OUTPUTS = {"tiny": 3, "dsmnet_lite": 3, "dsmnet_lean": 3, "dsmnet": 3, "psmnet": 3, "gwcnet": 4}
OUTPUTS |= {"raft_stereo": 3, "raft_stereo_realtime": 3, "igev_stereo": 4, "rt_igev": 4}
OUTPUTS |= {"lightstereo_s": 2, "lightstereo_lx": 2}
NORMS = sorted(path.stem for path in (config_dir() / "norm").glob("*.yaml"))


def narrow(network: str, norm: str = "domain", *overrides: str) -> StereoPredictor:
    torch.manual_seed(0)
    return build_model(network, norm, [*NETWORKS[network], *overrides])


def views(net: nn.Module, pairs: int = 2) -> Tensor:
    """Two random views of the smallest size that shows something."""
    height, width = net.smallest
    size = (max(net.divisor, min(height, 64)), max(2 * net.divisor, min(width, 96)))
    return torch.randn(2, pairs, 3, *size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("norm", NORMS)
def test_network_with_any_norm_has_finite_gradients_everywhere(network: str, norm: str) -> None:
    net = narrow(network, norm, f"norm@norm3d={norm}").net.train()
    left, right = views(net)
    output = net.match(left, right, 16)
    loss = sum(d.square().mean() for d in output.disparities)
    (loss + sum(x.square().mean() for x in output.logits)).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())
    (final,) = net.eval()(left, right, 16)
    assert torch.isfinite(final).all()


@pytest.mark.parametrize("network", NETWORKS)
def test_network_in_training_gives_gradients_to_every_parameter(network: str) -> None:
    net = narrow(network, "batch").net.train()
    for parameter in net.parameters():  # layers that start at zero pass no gradient on in the first step
        if not parameter.any():
            nn.init.normal_(parameter, std=0.05)
    output = net.match(*views(net), max_disparity=16)
    noise = (x * torch.randn_like(x) for x in output.logits)
    (sum(d.square().mean() for d in output.disparities) + sum(x.mean() for x in noise)).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("network", NETWORKS)
def test_network_with_a_search_range_covers_it(network: str) -> None:
    net = narrow(network).net.train()
    left, right = views(net, 1)
    size = left.shape[-2:]
    output = net.match(left, right, max_disparity=50)
    assert [tuple(d.shape) for d in output.disparities] == [(1, 1, *size)] * OUTPUTS[network]
    for logits in output.logits:
        planes = logits.shape[2]
        assert planes * net.stride >= 50
        assert planes == net.planes(50)
        assert tuple(logits.shape) == (1, 1, planes, size[0] // net.stride, size[1] // net.stride)
    (final,) = net.eval()(left, right, 50)
    assert final.shape == (1, 1, *size)
    assert net.planes() == net.planes(net.max_disparity) > 0


@pytest.mark.parametrize("network", NETWORKS)
def test_network_predicts_images_of_any_size(network: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 131, 3), np.uint8)
    disparity = narrow(network).predict(image, image, max_disparity=24)
    assert disparity.shape == (50, 131)
    assert np.isfinite(disparity).all()


def test_network_in_float64_computes_in_float64() -> None:
    net = narrow("dsmnet").net.double().eval()
    assert net(*views(net, 1).double(), 16)[-1].dtype == torch.float64


@pytest.mark.parametrize("network", NETWORKS)
def test_network_trained_on_a_pair_learns_it(network: str) -> None:
    """A textured plane at 6 px with a square at 12: error and loss fall below half of those at the start."""
    net = narrow(network, "batch", "norm@norm3d=batch").net.train()
    height, width = views(net).shape[-2:]
    texture = torch.rand(2, 3, height, width + 12, generator=torch.Generator().manual_seed(1)) * 2 - 1
    right = texture[..., 12:].clone()
    target = torch.full((2, 1, height, width), 6.0)
    target[..., height // 4 : height // 2, width // 4 : width // 2] = 12
    left = torch.where(target == 12, texture[..., :width], F.pad(right, (6, 0))[..., :width])
    loss = StereoLoss([1.0] * OUTPUTS[network])
    valid = torch.ones_like(target, dtype=torch.bool)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    losses, errors = [], []
    for _ in range(25):
        output = net.match(left, right, 24)
        value = loss(output.disparities, output.logits, target, valid)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
        errors.append((output.disparities[-1] - target).abs().mean().item())
    assert min(losses[-5:]) < 0.5 * losses[0]
    assert min(errors[-5:]) < 0.5 * errors[0]


@pytest.mark.parametrize("network", ["dsmnet", "psmnet", "gwcnet"])
@pytest.mark.parametrize("tool", ["build", "train"])
def test_network_of_a_paper_has_batch_norm_in_volumes_by_default(network: str, tool: str) -> None:
    for overrides, norm3d in (([], "batch"), (["norm@norm3d=none"], "none")):
        cfg = compose(tool, [f"model={network}", *overrides])
        assert (cfg.choices["norm"], cfg.choices["norm@norm3d"]) == ("domain", norm3d)
        assert cfg.norm3d == compose("build", [f"norm={norm3d}"]).norm


@pytest.mark.parametrize(
    ("network", "weights"),
    [("dsmnet", [0.2, 0.6, 1.0]), ("psmnet", [0.5, 0.7, 1.0]), ("gwcnet", [0.5, 0.5, 0.7, 1.0])],
)
def test_network_of_a_paper_trains_with_its_loss(network: str, weights: list[float]) -> None:
    """Smooth-L1 of every output over the pixels that count, and no term of the logits."""
    cfg = compose("train", [f"model={network}"])
    assert (cfg.crop.height, cfg.crop.width, cfg.max_disparity) == (256, 512, 192)
    loss = instantiate(cfg.loss)
    target, *disparities = 10 * torch.rand(1 + len(weights), 2, 1, 8, 12)
    valid = torch.rand(2, 1, 8, 12) > 0.3
    logits = [torch.randn(2, 1, 4, 2, 3, requires_grad=True) for _ in weights]
    expected = sum(
        w * F.smooth_l1_loss(d[valid], target[valid]) for w, d in zip(weights, disparities, strict=True)
    )
    torch.testing.assert_close(loss(disparities, logits, target, valid), expected)


@pytest.mark.parametrize("network", NETWORKS)
def test_network_has_no_strided_pointwise_convolution(network: str) -> None:
    """In its backward pass oneDNN 3.12 writes out of bounds, see `dsmnet.layers.conv.ResidualBlock`."""
    convolutions = [m for m in narrow(network).net.modules() if isinstance(m, nn.Conv2d | nn.Conv3d)]
    assert len(convolutions) > 5
    assert not [c for c in convolutions if set(c.kernel_size) == {1} and set(c.stride) != {1}]
