"""AdaBN: exact statistics of the target, whatever its order."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor, nn

from dsmnet import build_model
from dsmnet.adaptation import Adaptation, adapt, adapt_batch_norms, batch_norms
from dsmnet.errors import DataError, UserError
from dsmnet.layers import IBN, BatchInstanceNorm
from dsmnet.synthetic import SyntheticStereo

MakeNet = Callable[[], nn.Module]


def two_dimensional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 5, 3),
        IBN(5),
        nn.ReLU(),
        nn.Conv2d(5, 4, 3),
        BatchInstanceNorm(4),
        nn.Conv2d(4, 4, 1),
        nn.BatchNorm2d(4, affine=False),
    )


def three_dimensional() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 3)),
        nn.Conv3d(1, 4, 3, padding=1),
        nn.BatchNorm3d(4),
        nn.ReLU(),
        nn.BatchNorm3d(4),
    )


class Twice(nn.Module):
    """The same norm at two places of a pass, as a network that takes the views one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.last = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.norm(self.conv(x)) + self.norm(2 * self.conv(x)))


@pytest.fixture(params=[two_dimensional, three_dimensional, Twice], ids=["2d", "3d", "twice"])
def make_net(request: pytest.FixtureRequest) -> MakeNet:
    def make() -> nn.Module:
        torch.manual_seed(0)
        net = request.param()
        for module in net.modules():
            if isinstance(module, BatchInstanceNorm):
                module.gate.data.fill_(0.6)
        return net

    return make


@pytest.fixture
def target() -> Tensor:
    """Twelve images, no two of the same brightness and contrast."""
    rng = torch.Generator().manual_seed(1)
    spread = torch.linspace(0.2, 3, 12).view(12, 1, 1, 1)
    return torch.randn(12, 3, 16, 18, generator=rng) * spread + torch.linspace(-2, 2, 12).view(12, 1, 1, 1)


def adapted(net: nn.Module, batches: Iterable[Tensor], **options: object) -> dict[str, Tensor]:
    batches = list(batches)
    adapt_batch_norms(net, lambda _: batches, net, **options)  # type: ignore[arg-type]
    return {name: value.clone() for name, value in net.named_buffers() if "running" in name}


@pytest.mark.parametrize("mode", ["layerwise", "single_pass"])
def test_order_and_batches_do_not_matter(make_net: MakeNet, target: Tensor, mode: str) -> None:
    reference = adapted(make_net(), target.split(1), mode=mode)
    shuffled = target[torch.randperm(12, generator=torch.Generator().manual_seed(2))]
    for batches in (shuffled.split(1), target.split(5), shuffled.split(4), [target]):
        for name, value in adapted(make_net(), batches, mode=mode).items():
            torch.testing.assert_close(value, reference[name], rtol=1e-5, atol=1e-5)


def test_layerwise_is_one_batch_of_everything(make_net: MakeNet, target: Tensor) -> None:
    """In training mode torch's own batch norm does the same with a batch that is the whole target.

    Not to the last digit: it normalises with the variance over n, and keeps the one over n - 1.
    """
    found = adapted(make_net(), target.split(3))
    net = make_net()
    for norm in batch_norms(net).values():
        norm.momentum = 1.0
    if isinstance(net, Twice):
        torch_statistics = net.conv(torch.cat([target, target]))
        torch_statistics[12:] *= 2
        net.norm(torch_statistics)
        net.norm.eval()  # on both uses together
        net(target)
    else:
        net(target)
    for name, value in net.named_buffers():
        if "running" in name:
            torch.testing.assert_close(found[name], value, rtol=2e-3, atol=2e-3)


def test_layers_then_see_what_their_statistics_say(make_net: MakeNet, target: Tensor) -> None:
    net = make_net()
    first = adapted(net, target.split(2))
    again = adapted(net, target.split(2), mode="single_pass")
    torch.testing.assert_close(again, first, rtol=1e-5, atol=1e-5)


def test_a_single_pass_is_exact_for_the_first_layer_alone(target: Tensor) -> None:
    torch.manual_seed(0)
    exact = adapted(two_dimensional(), [target])
    torch.manual_seed(0)
    quick = adapted(two_dimensional(), [target], mode="single_pass")
    torch.testing.assert_close(quick["1.running_var"], exact["1.running_var"], rtol=1e-5, atol=1e-5)
    assert (quick["9.running_var"] / exact["9.running_var"] - 1).abs().max() > 0.1


@pytest.mark.parametrize(("prior", "share"), [(0.0, 1.0), (12.0, 0.5), (36.0, 0.25)])
def test_mixing_with_the_source(target: Tensor, prior: float, share: float) -> None:
    net = nn.Sequential(nn.BatchNorm2d(3))
    net[0].running_mean.fill_(5.0)
    net[0].running_var.fill_(9.0)
    statistics = adapted(net, target.split(1), prior=prior)
    values = target.transpose(0, 1).flatten(1)
    mean, variance = 5 + (values.mean(1) - 5) * share, 9 + (values.var(1) - 9) * share
    torch.testing.assert_close(statistics["0.running_mean"], mean)
    torch.testing.assert_close(statistics["0.running_var"], variance)


def test_only_statistics_change_and_the_mode_stays(make_net: MakeNet, target: Tensor) -> None:
    net = make_net().train()
    first = next(iter(batch_norms(net).values()))
    first.eval()
    before = {name: value.clone() for name, value in net.named_parameters()}
    adapted(net, target.split(4))
    assert all(torch.equal(before[name], value) for name, value in net.named_parameters())
    assert net.training
    assert not first.training
    assert not first._forward_hooks


def test_what_it_reports(target: Tensor) -> None:
    net = two_dimensional()
    done: Adaptation = adapt_batch_norms(net, lambda _: target.split(4), net)
    assert [layer.name for layer in done.layers] == ["1", "4.batch", "7.batch", "9"]  # as they run
    assert [layer.channels for layer in done.layers] == [6, 3, 4, 4]
    assert done.items == 3
    again = adapt_batch_norms(net, lambda _: target.split(4), net)
    assert all(layer.mean < 1e-5 for layer in again.layers)
    assert all(layer.std == pytest.approx(1, abs=1e-5) for layer in again.layers)
    assert max(layer.mean for layer in done.layers) > 0.1


def test_synchronised_norms_are_found(target: Tensor) -> None:
    reference = adapted(nn.Sequential(nn.BatchNorm2d(3)), target.split(4))
    net = nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.BatchNorm2d(3)))
    found = adapted(net, target.split(4))
    torch.testing.assert_close(found, reference)


def test_without_batch_norms_there_is_a_clear_message() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 3, 1), nn.InstanceNorm2d(3), nn.BatchNorm2d(3, track_running_stats=False)
    )
    with pytest.raises(UserError, match="no batch norms, so there is nothing to adapt"):
        adapt_batch_norms(net, lambda _: [torch.zeros(1, 3, 4, 4)], net)


def test_impossible_options(target: Tensor) -> None:
    net = nn.BatchNorm2d(3)
    with pytest.raises(UserError, match="prior=-1"):
        adapt_batch_norms(net, lambda _: [target], net, prior=-1)
    with pytest.raises(UserError, match="mode=often: expected layerwise or single_pass"):
        adapt_batch_norms(net, lambda _: [target], net, mode="often")  # type: ignore[arg-type]
    for mode in ("layerwise", "single_pass"):
        with pytest.raises(UserError, match="no images"):
            adapt_batch_norms(net, lambda _: [], net, mode=mode)  # type: ignore[arg-type]


def test_a_failure_leaves_the_network_as_it_was(target: Tensor) -> None:
    broken = target.clone()
    broken[5, 0, 0, 0] = torch.nan
    net = two_dimensional().train()
    before = {name: value.clone() for name, value in net.named_buffers()}
    with pytest.raises(DataError, match="layer 1 on the target are not finite"):
        adapt_batch_norms(net, lambda _: broken.split(4), net)
    assert net.training
    torch.testing.assert_close(dict(net.named_buffers()), before, rtol=0, atol=0)


def pairs(length: int) -> SyntheticStereo:
    return SyntheticStereo(size=(64, 96), largest_disparity=32, length=length)


@pytest.mark.parametrize("norm", ["batch", "batch_instance", "ibn_a", "ibn_b"])
def test_a_stereo_network(norm: str) -> None:
    """Both views count: with exchanged views the features have the same statistics."""
    given = [pairs(3)[index] for index in range(3)]
    exchanged = [{**pair, "left": pair["right"], "right": pair["left"]} for pair in given]
    found = []
    for dataset in (given, exchanged):
        torch.manual_seed(0)
        net = build_model("tiny", norm=norm)
        done = adapt(net, dataset, max_disparity=32, progress=False)  # type: ignore[arg-type]
        assert {layer.name for layer in done.layers} == set(batch_norms(net))
        assert done.items == 3
        found.append({name: value for name, value in net.named_buffers() if "running" in name})
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-4)


def test_norms_inside_the_volume() -> None:
    net = build_model("tiny", "domain", ["norm@norm3d=batch"])
    names = set(batch_norms(net))
    assert names
    done = adapt(net, pairs(2), max_disparity=32, progress=False)
    assert {layer.name for layer in done.layers} == names


def test_at_most_so_many_images() -> None:
    net = build_model("tiny", norm="batch")
    assert adapt(net, pairs(5), images=2, mode="single_pass", progress=False).items == 2
    with pytest.raises(UserError, match="images=0"):
        adapt(net, pairs(5), images=0, progress=False)
