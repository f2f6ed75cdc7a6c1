"""What every norm of conf/norm/ keeps to; a new one is tested by lying there."""

from __future__ import annotations

import copy
import functools
import itertools
import operator
import pickle
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dsmnet.config import compose, config_dir, instantiate
from dsmnet.layers import IBN, BatchInstanceNorm, DomainNorm
from dsmnet.layers.norms.group import GroupNorm
from dsmnet.layers.norms.instance import InstanceNorm
from dsmnet.layers.norms.mixstyle import MixStyle
from dsmnet.layers.norms.none import ChannelBias
from dsmnet.layers.norms.placement import Placement
from dsmnet.layers.norms.whitening import SwitchableWhitening

CONFIGS = sorted((config_dir() / "norm").glob("*.yaml"))
SLOTS = ("stem", "inner", "block_in", "block_out")
Sample = Callable[..., Tensor]
Randomise = Callable[[nn.Module], nn.Module]


Space = tuple[int, ...]


@functools.cache  # composing takes longer than all tests of a module
def load(name: str) -> Placement:
    return instantiate(compose("build", [f"norm={name}"]).norm)


def modules(name: str) -> list[str]:
    """The slots of a configuration; of those that hold the same, the first, and none that holds nothing."""
    held = {repr(getattr(load(name), slot)(7)): slot for slot in reversed(SLOTS)}
    held.pop(repr(nn.Identity()), None)
    return list(held.values())


def run(norm: nn.Module, x: Tensor) -> Tensor:
    """Call it; what it draws is the same each time."""
    torch.manual_seed(0)
    return norm(x)


def keeps_running_statistics(module: nn.Module) -> bool:
    return any(key.rpartition(".")[2].startswith("running_") for key, _ in module.named_buffers())


@pytest.fixture(params=[path.stem for path in CONFIGS])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[(path.stem, slot) for path in CONFIGS for slot in modules(path.stem)], ids="-".join)
def norm(randomise: Randomise, request: pytest.FixtureRequest, ndim: int) -> nn.Module:
    """Each module of each configuration, for 7 channels."""
    name, slot = request.param
    return randomise(getattr(load(name), slot)(7, ndim))


def test_the_configurations_are_those_of_the_interface() -> None:
    expected = {"batch", "instance", "group", "batch_instance", "ibn_a", "ibn_b", "domain", "none"}
    expected |= {"mixstyle", "whitening"}
    assert expected <= {path.stem for path in CONFIGS}


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_keeps_shape_type_and_memory_format(
    sample: Sample, norm: nn.Module, space: Space, layout: str, batch: int
) -> None:
    x = sample(batch, 7, *space, layout=layout)
    before = x.clone()
    out = run(norm, x)
    assert out.shape == x.shape
    assert out.dtype == x.dtype
    assert out.stride() == x.stride()
    assert torch.isfinite(out).all()
    torch.testing.assert_close(x, before, rtol=0, atol=0)  # the input is not written to


def test_both_memory_formats_give_the_same(
    sample: Sample, norm: nn.Module, space: Space, layout: str
) -> None:
    x = sample(4, 7, *space, layout=layout)
    torch.testing.assert_close(run(norm, x), run(norm, x.contiguous()), rtol=1e-4, atol=1e-5)


def test_gradients_survive_an_inplace_relu(
    sample: Sample, norm: nn.Module, space: Space, layout: str
) -> None:
    x = sample(4, 7, *space, layout=layout).requires_grad_()
    out = F.relu(run(norm, x * 1.0), inplace=True)
    grads = torch.autograd.grad(out.square().sum(), [x, *norm.parameters()])
    for grad in grads:
        assert torch.isfinite(grad).all()
        assert grad.abs().sum() > 0


def test_state_survives_saving(sample: Sample, norm: nn.Module, space: Space) -> None:
    x = sample(2, 7, *space)
    norm(x)  # moves running statistics, where there are any
    fresh = pickle.loads(pickle.dumps(copy.deepcopy(norm)))
    for value in fresh.state_dict().values():
        value.fill_(0.5) if value.is_floating_point() else value.zero_()
    fresh.load_state_dict(norm.state_dict(), strict=True)
    torch.testing.assert_close(fresh.eval()(x), norm.eval()(x), rtol=0, atol=0)


def test_training_differs_from_evaluation_only_by_running_statistics_and_by_chance(
    sample: Sample, norm: nn.Module, space: Space
) -> None:
    x = sample(4, 7, *space)
    states = [torch.get_rng_state()]
    outputs = []
    for training in (True, False):
        outputs.append(norm.train(training)(x))
        states.append(torch.get_rng_state())
    draws_in_training, draws_in_evaluation = (not torch.equal(*states[at : at + 2]) for at in (0, 1))
    assert not draws_in_evaluation
    if torch.equal(*outputs):
        assert not keeps_running_statistics(norm)
    else:
        assert keeps_running_statistics(norm) or draws_in_training


def test_batch_norm_is_found_by_the_sync_conversion(norm: nn.Module) -> None:
    count = sum(isinstance(part, _BatchNorm) for part in norm.modules())
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(norm))
    assert sum(isinstance(part, nn.SyncBatchNorm) for part in converted.modules()) == count


def test_running_statistics_can_be_taken_anew(sample: Sample, norm: nn.Module, space: Space) -> None:
    """As AdaBN does it; of a norm on part of the channels, these are the last ones."""
    target = sample(4, 7, *space, seed=3)
    batch_norms = [part for part in norm.modules() if isinstance(part, _BatchNorm)]
    for part in batch_norms:
        part.reset_running_stats()
        part.momentum = None  # a plain average over the batches
    norm.train()(target)
    for part in batch_norms:
        channels = target[:, -part.num_features :].transpose(0, 1).flatten(1)
        torch.testing.assert_close(part.running_mean, channels.mean(1))
        torch.testing.assert_close(part.running_var, channels.var(1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("parameters", ["wide", "narrow"])
def test_statistics_of_narrow_types_are_taken_in_float32(
    sample: Sample, norm: nn.Module, ndim: int, dtype: torch.dtype, layout: str, parameters: str
) -> None:
    """The sums exceed float16, and means near 1000 need more digits than either type has."""
    x = (sample(4, 7, *(4, 16, 17)[-ndim:], layout=layout) * 30 + 1000).to(dtype)
    if parameters == "narrow":
        norm = norm.to(dtype)
    out = run(norm, x)
    assert out.dtype == dtype
    assert torch.isfinite(out).all()
    if parameters == "narrow" and any(isinstance(part, _BatchNorm) for part in norm.modules()):
        return  # torch's batch norm has rounded its statistics to the type of its buffers
    step = torch.finfo(dtype).eps
    torch.testing.assert_close(out.float(), run(norm.float(), x.float()), rtol=4 * step, atol=4 * step)


def test_autocast_does_not_narrow_the_statistics(sample: Sample, norm: nn.Module, space: Space) -> None:
    x = sample(4, 7, *space) + 50
    with torch.autocast("cpu", torch.bfloat16):
        out = run(norm, x)
    torch.testing.assert_close(out, run(norm, x), rtol=1e-6, atol=1e-6)


def test_builds_anew_each_time(name: str) -> None:
    placement = load(name)
    first, second = placement.inner(4), placement.inner(4)
    assert first is not second
    assert {id(p) for p in first.parameters()}.isdisjoint(id(p) for p in second.parameters())


def test_any_number_of_channels(sample: Sample, name: str, ndim: int, space: Space) -> None:
    for slot, channels in itertools.product(modules(name), (2, 3, 8, 12, 33)):
        x = sample(2, channels, *space)
        assert getattr(load(name), slot)(channels, ndim)(x).shape == x.shape


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::torch.jit.TracerWarning")
def test_exports_as_plain_operations(sample: Sample, name: str, layout: str) -> None:
    x = sample(1, 6, 8, 9, layout=layout)
    for norm in (getattr(load(name), slot)(6).eval() for slot in modules(name)):
        with torch.no_grad():
            program = torch.export.export(norm, (x,))
            torch.testing.assert_close(program.module()(x), norm(x), rtol=1e-5, atol=1e-5)
            targets = {node.target for node in program.graph.nodes if node.op == "call_function"}
            names = [str(target) for target in targets - {operator.getitem}]
            assert all(target.startswith("aten.") and not target.endswith(".out") for target in names)
            traced = torch.jit.trace(norm, x)
            torch.testing.assert_close(traced(x), norm(x), rtol=1e-5, atol=1e-5)
            assert "^" not in str(traced.inlined_graph)  # the mark of a custom function


def kinds(placement: Placement) -> list[type[nn.Module]]:
    return [type(getattr(placement, slot)(6)) for slot in SLOTS]


def test_where_each_configuration_puts_what() -> None:
    batch, instance, nothing = nn.BatchNorm2d, InstanceNorm, nn.Identity
    assert kinds(load("batch")) == [batch, batch, batch, nothing]
    assert kinds(load("instance")) == [instance, instance, instance, nothing]
    assert kinds(load("group")) == [GroupNorm, GroupNorm, GroupNorm, nothing]
    assert kinds(load("batch_instance")) == [*[BatchInstanceNorm] * 3, nothing]
    assert kinds(load("domain")) == [DomainNorm, DomainNorm, DomainNorm, nothing]
    assert kinds(load("ibn_a")) == [batch, batch, IBN, nothing]
    assert kinds(load("ibn_b")) == [instance, batch, batch, instance]
    assert kinds(load("mixstyle")) == [batch, batch, batch, MixStyle]
    assert kinds(load("whitening")) == [*[SwitchableWhitening] * 3, nothing]
    assert kinds(load("none")) == [ChannelBias, ChannelBias, ChannelBias, nothing]
