"""Every norm against loops over its formula, and what all of conf/norm/*.yaml must keep to."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from omegaconf import OmegaConf
from torch import Tensor, nn

from dsmnet.config import config_dir, instantiate
from dsmnet.errors import ShapeError
from dsmnet.layers import IBN, BatchInstanceNorm, DomainNorm
from dsmnet.layers.norms.batch import batch_norm
from dsmnet.layers.norms.functional import group_norm, unit_length
from dsmnet.layers.norms.group import GroupNorm
from dsmnet.layers.norms.instance import InstanceNorm
from dsmnet.layers.norms.none import ChannelBias
from dsmnet.layers.norms.placement import BlockInput, BlockOutput, Everywhere, Placement

CONFIGS = sorted((config_dir() / "norm").glob("*.yaml"))
SLOTS = ("stem", "inner", "block_in", "block_out")
FORMATS = {"contiguous": None, "channels_last": {2: torch.channels_last, 3: torch.channels_last_3d}}
VARIANTS = ("paper", "seed", "l2_first")
Array = NDArray[np.float64]


def load(name: str) -> Placement:
    return instantiate(OmegaConf.load(config_dir() / "norm" / f"{name}.yaml"))


def sample(
    *shape: int, dtype: torch.dtype = torch.float32, layout: str = "contiguous", seed: int = 0
) -> Tensor:
    """Random [B, C, ...] whose channels differ in mean and spread, as features do."""
    rng = torch.Generator().manual_seed(seed)
    per_channel = (1, shape[1], *[1] * (len(shape) - 2))
    spread = torch.rand(per_channel, generator=rng, dtype=torch.float64) + 0.5
    mean = torch.randn(per_channel, generator=rng, dtype=torch.float64)
    x = (torch.randn(shape, generator=rng, dtype=torch.float64) * spread + mean).to(dtype)
    last = FORMATS[layout]
    return x if last is None else x.contiguous(memory_format=last[len(shape) - 2])


def space(ndim: int) -> tuple[int, ...]:
    return (3, 5, 7)[-ndim:]


def randomise(module: nn.Module, seed: int = 1) -> nn.Module:
    """Give every parameter a value that is not its first one; gates inside (0, 1)."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.rand(parameter.shape, generator=rng) * 0.6 + 0.2)
    return module


def holds_batch_norm(module: nn.Module) -> bool:
    return any(isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d) for part in module.modules())


# --- what every configuration keeps to -------------------------------------------------------------------


@pytest.fixture(params=[path.stem for path in CONFIGS])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[2, 3], ids=["2d", "3d"])
def ndim(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(params=SLOTS)
def norm(request: pytest.FixtureRequest, name: str, ndim: int) -> nn.Module:
    """The module of one slot, for 7 channels."""
    return randomise(getattr(load(name), request.param)(7, ndim))


def test_the_configurations_are_those_of_the_interface() -> None:
    expected = {"batch", "instance", "group", "batch_instance", "ibn_a", "ibn_b", "domain", "none"}
    assert expected <= {path.stem for path in CONFIGS}


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("batch", [1, 2])
def test_keeps_shape_type_and_memory_format(norm: nn.Module, ndim: int, layout: str, batch: int) -> None:
    x = sample(batch, 7, *space(ndim), layout=layout)
    before = x.clone()
    out = norm(x)
    assert out.shape == x.shape
    assert out.dtype == x.dtype
    assert out.stride() == x.stride()
    assert torch.isfinite(out).all()
    torch.testing.assert_close(x, before, rtol=0, atol=0)  # the input is not written to


@pytest.mark.parametrize("layout", FORMATS)
def test_both_memory_formats_give_the_same(norm: nn.Module, ndim: int, layout: str) -> None:
    x = sample(2, 7, *space(ndim), layout=layout)
    torch.testing.assert_close(norm(x), norm(x.contiguous()), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layout", FORMATS)
def test_gradients_survive_an_inplace_relu(norm: nn.Module, ndim: int, layout: str) -> None:
    x = sample(2, 7, *space(ndim), layout=layout).requires_grad_()
    grads = torch.autograd.grad(F.relu(norm(x * 1.0), inplace=True).square().sum(), [x, *norm.parameters()])
    for grad in grads:
        assert torch.isfinite(grad).all()
        assert grad.abs().sum() > 0


def test_state_survives_saving(norm: nn.Module, ndim: int, name: str) -> None:
    x = sample(2, 7, *space(ndim))
    norm(x)  # moves running statistics, where there are any
    fresh = pickle.loads(pickle.dumps(copy.deepcopy(norm)))
    for value in fresh.state_dict().values():
        value.fill_(0.5) if value.is_floating_point() else value.zero_()
    fresh.load_state_dict(norm.state_dict(), strict=True)
    torch.testing.assert_close(fresh.eval()(x), norm.eval()(x), rtol=0, atol=0)


def test_training_differs_from_evaluation_only_by_batch_norm(norm: nn.Module, ndim: int) -> None:
    x = sample(2, 7, *space(ndim))
    train, evaluation = norm.train()(x), norm.eval()(x)
    assert torch.equal(train, evaluation) != holds_batch_norm(norm)


def test_batch_norm_is_found_by_the_sync_conversion(norm: nn.Module) -> None:
    count = sum(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in norm.modules())
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(norm))
    assert sum(isinstance(part, nn.SyncBatchNorm) for part in converted.modules()) == count


def test_running_statistics_can_be_taken_anew(norm: nn.Module, ndim: int) -> None:
    """As AdaBN does: reset, average over target images, and the target's channels come out standard."""
    target = sample(4, 7, *space(ndim), seed=3) * 4 + 9
    batch_norms = [part for part in norm.modules() if isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d)]
    for part in batch_norms:
        part.reset_running_stats()
        part.momentum = None
    norm.train()(target)
    for part in batch_norms:
        assert (part.running_mean > 4).all()
        assert (part.running_var > 2).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("params", ["float32", "narrow"])
def test_statistics_of_narrow_types_are_taken_in_float32(
    name: str, ndim: int, dtype: torch.dtype, layout: str, params: str
) -> None:
    """Sums of these values exceed float16; sums of 1100 are beyond the 8 bits of bfloat16."""
    x = (sample(2, 7, *(4, 16, 17)[-ndim:], layout=layout) * 30 + 300).to(dtype)
    for slot in SLOTS:
        wide = randomise(getattr(load(name), slot)(7, ndim))
        narrow = copy.deepcopy(wide).to(dtype) if params == "narrow" else wide
        wide = copy.deepcopy(wide) if params == "float32" else copy.deepcopy(narrow).float()
        out = narrow(x)
        assert out.dtype == dtype
        expected = wide(x.float())
        step = torch.finfo(dtype).eps
        torch.testing.assert_close(out.float(), expected, rtol=4 * step, atol=4 * step)


def test_autocast_does_not_narrow_the_statistics(name: str, ndim: int) -> None:
    norm = load(name).inner(7, ndim)
    x = sample(2, 7, *space(ndim)) + 50
    with torch.autocast("cpu", torch.bfloat16):
        out = norm(x)
    torch.testing.assert_close(out, norm(x), rtol=1e-6, atol=1e-6)


def test_builds_anew_each_time(name: str) -> None:
    placement = load(name)
    first, second = placement.inner(4), placement.inner(4)
    assert first is not second
    assert {id(p) for p in first.parameters()}.isdisjoint(id(p) for p in second.parameters())


def test_any_number_of_channels(name: str, ndim: int) -> None:
    for channels in (2, 3, 8, 12, 33):
        assert load(name).block_in(channels, ndim)(sample(2, channels, *space(ndim))).shape[1] == channels


# --- the formulas, as loops ------------------------------------------------------------------------------

EPS = 1e-3  # large enough to be seen


def loop_instance(x: Array, eps: float = EPS) -> Array:
    out = np.empty_like(x)
    for image in range(x.shape[0]):
        for channel in range(x.shape[1]):
            values = x[image, channel]
            mean = values.sum() / values.size
            variance = ((values - mean) ** 2).sum() / values.size
            out[image, channel] = (values - mean) / np.sqrt(variance + eps)
    return out


def loop_batch(x: Array, eps: float = EPS) -> Array:
    return (
        loop_instance(x.swapaxes(0, 1).reshape(1, x.shape[1], -1), eps)
        .reshape(x.swapaxes(0, 1).shape)
        .swapaxes(0, 1)
    )


def loop_group(x: Array, groups: int, eps: float = EPS) -> Array:
    return loop_instance(x.reshape(x.shape[0], groups, -1), eps).reshape(x.shape)


def loop_unit(x: Array) -> Array:
    out = np.empty_like(x)
    for image in range(x.shape[0]):
        for pixel in np.ndindex(x.shape[2:]):
            vector = x[(image, slice(None), *pixel)]
            out[(image, slice(None), *pixel)] = vector / max(np.sqrt((vector**2).sum()), 1e-12)
    return out


def affine(x: Array, norm: nn.Module) -> Array:
    shape = (-1, *[1] * (x.ndim - 2))
    return x * norm.weight.detach().numpy().reshape(shape) + norm.bias.detach().numpy().reshape(shape)


def check(norm: nn.Module, x: Tensor, expected: Array) -> None:
    np.testing.assert_allclose(norm(x).detach().numpy(), expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(norm(x.float()).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.fixture(params=list(FORMATS))
def x(request: pytest.FixtureRequest, ndim: int) -> Tensor:
    return sample(2, 6, *space(ndim), dtype=torch.float64, layout=request.param)


def test_domain_norm_is_its_formula(x: Tensor, ndim: int) -> None:
    paper = randomise(DomainNorm(6, variant="paper", ndim=ndim, eps=EPS))
    check(paper, x, affine(loop_unit(loop_instance(x.numpy())), paper))
    check(DomainNorm(6, variant="seed", ndim=ndim, eps=EPS), x, loop_unit(loop_instance(x.numpy())))
    first = randomise(DomainNorm(6, variant="l2_first", ndim=ndim, eps=EPS))
    check(first, x, affine(loop_instance(loop_unit(x.numpy())), first))


def test_domain_norm_is_that_of_torch(x: Tensor, ndim: int) -> None:
    norm = randomise(DomainNorm(6, ndim=ndim, eps=EPS)).double()
    plain = F.normalize(F.instance_norm(x, eps=EPS), dim=1)
    shape = (1, 6, *[1] * ndim)
    expected = plain * norm.weight.view(shape) + norm.bias.view(shape)
    torch.testing.assert_close(norm(x), expected)


def test_instance_norm_is_its_formula(x: Tensor, ndim: int) -> None:
    norm = randomise(InstanceNorm(6, ndim=ndim, eps=EPS))
    check(norm, x, affine(loop_instance(x.numpy()), norm))
    check(InstanceNorm(6, ndim=ndim, eps=EPS, affine=False), x, loop_instance(x.numpy()))
    torch.testing.assert_close(InstanceNorm(6, ndim=ndim)(x), F.instance_norm(x))


def test_group_norm_is_its_formula(x: Tensor, ndim: int) -> None:
    norm = randomise(GroupNorm(6, ndim=ndim, groups=3, eps=EPS))
    check(norm, x, affine(loop_group(x.numpy(), 3), norm))
    torch.testing.assert_close(norm.double()(x), F.group_norm(x.contiguous(), 3, norm.weight, norm.bias, EPS))


def test_group_norm_takes_a_number_of_groups_that_fits() -> None:
    assert [GroupNorm(c, groups=8).num_groups for c in (48, 20, 7, 4)] == [8, 4, 1, 4]


def test_batch_norm_is_its_formula(x: Tensor, ndim: int) -> None:
    norm = randomise(batch_norm(6, ndim=ndim, eps=EPS)).double()
    np.testing.assert_allclose(norm(x).detach(), affine(loop_batch(x.numpy()), norm), atol=1e-10)
    assert isinstance(norm, {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[ndim])


def test_batch_instance_norm_is_its_formula(x: Tensor, ndim: int) -> None:
    norm = randomise(BatchInstanceNorm(6, ndim=ndim, eps=EPS)).double()
    gate = norm.gate.detach().numpy().reshape(-1, *[1] * ndim)
    mixture = gate * loop_batch(x.numpy()) + (1 - gate) * loop_instance(x.numpy())
    np.testing.assert_allclose(norm(x).detach(), affine(mixture, norm), atol=1e-10)


def test_batch_instance_norm_starts_as_batch_norm(x: Tensor, ndim: int) -> None:
    x = x.float()
    norm, reference = BatchInstanceNorm(6, ndim=ndim), batch_norm(6, ndim=ndim)
    torch.testing.assert_close(norm(x), reference(x))
    torch.testing.assert_close(norm.eval()(x), reference.eval()(x))
    nn.init.zeros_(norm.gate)
    torch.testing.assert_close(norm(x), F.instance_norm(x))


@pytest.mark.parametrize(("ratio", "first"), [(0.5, 3), (0.3, 2), (0.0, 0), (1.0, 7)])
def test_ibn_is_its_formula(ndim: int, ratio: float, first: int) -> None:
    x = sample(2, 7, *space(ndim), dtype=torch.float64)
    norm = randomise(IBN(7, ndim=ndim, ratio=ratio, eps=EPS)).double()
    out = norm(x).detach().numpy()
    values = x.numpy()
    if first:
        expected = affine(loop_instance(values[:, :first]), norm.instance)
        np.testing.assert_allclose(out[:, :first], expected, atol=1e-10)
    if first < 7:
        expected = affine(loop_batch(values[:, first:]), norm.batch)
        np.testing.assert_allclose(out[:, first:], expected, atol=1e-10)


def test_channel_bias_only_shifts(x: Tensor, ndim: int) -> None:
    norm = ChannelBias(6, ndim=ndim).double()
    torch.testing.assert_close(norm(x), x, rtol=0, atol=0)
    randomise(norm)
    torch.testing.assert_close(norm(x) - x, norm.bias.view(1, 6, *[1] * ndim).expand_as(x))


@pytest.mark.parametrize("layout", FORMATS)
def test_large_means_keep_their_variance(layout: str) -> None:
    """Where a variance is taken as E[x^2] - E[x]^2 in float32, a mean of 1000 leaves nothing of it."""
    x = sample(2, 8, 16, 17, dtype=torch.float64, layout=layout) + 1000
    for norm in (InstanceNorm(8), GroupNorm(8, groups=4), DomainNorm(8)):
        torch.testing.assert_close(norm(x.float()).double(), norm(x), rtol=0, atol=2e-3)


# --- gradients -------------------------------------------------------------------------------------------


def gradcheck(norm: nn.Module, x: Tensor) -> None:
    norm = randomise(norm).double()
    names = [key for key, _ in norm.named_parameters()]

    def call(value: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(norm, dict(zip(names, parameters, strict=True)), (value,))

    parameters = [p.detach().clone().requires_grad_() for p in norm.parameters()]
    assert torch.autograd.gradcheck(call, (x.clone().requires_grad_(), *parameters))


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize(
    "build",
    [
        *(partial(DomainNorm, variant=variant) for variant in VARIANTS),
        BatchInstanceNorm,
        InstanceNorm,
        partial(InstanceNorm, affine=False),
        partial(GroupNorm, groups=2),
    ],
    ids=[*VARIANTS, "batch_instance", "instance", "instance_plain", "group"],
)
def test_gradients(build: Callable[..., nn.Module], ndim: int, layout: str) -> None:
    x = sample(2, 4, *(2, 3, 4)[-ndim:], dtype=torch.float64, layout=layout)
    gradcheck(build(4, ndim=ndim), x)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("layout", FORMATS)
def test_a_captured_graph_computes_the_same(variant: str, layout: str) -> None:
    """The plain operations of torch.compile against the hand-written gradient."""
    x = sample(2, 5, 6, 7, layout=layout)
    norm = randomise(DomainNorm(5, variant=variant))
    weight = sample(2, 5, 6, 7, seed=4)
    results = []
    for module in (norm, torch.compile(norm, backend="eager", fullgraph=True)):
        value = x.clone().requires_grad_()
        out = module(value)
        grads = torch.autograd.grad((out * weight).sum(), [value, *norm.parameters()])
        results.append((out, *grads))
    for eager, captured in zip(*results, strict=True):
        torch.testing.assert_close(eager, captured, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layout", FORMATS)
def test_exports_as_plain_operations(name: str, layout: str) -> None:
    x = sample(1, 6, 8, 9, layout=layout)
    norm = load(name).inner(6).eval()
    with torch.no_grad():
        program = torch.export.export(norm, (x,))
        torch.testing.assert_close(program.module()(x), norm(x), rtol=1e-5, atol=1e-5)
        traced = torch.jit.trace(norm, x)
        assert "Python" not in str(traced.inlined_graph)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_black_image_does_not_break_training(variant: str) -> None:
    """All features are 0: no direction, and dividing by the smallest length would blow the gradient up."""
    torch.manual_seed(0)
    layers = [
        part
        for _ in range(6)
        for part in (nn.Conv2d(4, 4, 3, padding=1, bias=False), DomainNorm(4, variant=variant), nn.ReLU())
    ]
    net = nn.Sequential(*layers)
    x = torch.cat([torch.zeros(1, 4, 6, 7), sample(1, 4, 6, 7)]).requires_grad_()
    out = net(x)
    assert torch.isfinite(out).all()
    for grad in torch.autograd.grad(out.sum(), [x, *net.parameters()]):
        assert torch.isfinite(grad).all()
        assert grad.abs().max() < 1e6


# --- what DomainNorm is for ------------------------------------------------------------------------------


def test_domain_norm_does_not_see_brightness_and_contrast(ndim: int) -> None:
    x = sample(2, 6, *space(ndim), dtype=torch.float64)
    norm = randomise(DomainNorm(6, ndim=ndim, eps=1e-12))
    rng = torch.Generator().manual_seed(2)
    shape = (2, 6, *[1] * ndim)
    gain = torch.rand(shape, generator=rng, dtype=torch.float64) * 5 + 0.1
    offset = torch.randn(shape, generator=rng, dtype=torch.float64) * 10
    torch.testing.assert_close(norm(gain * x + offset), norm(x), rtol=1e-8, atol=1e-8)
    assert not torch.allclose(norm(x.flip(2)), norm(x))  # it does see where things are


def test_each_pixel_has_unit_length_before_scale_and_shift(ndim: int) -> None:
    x = sample(2, 6, *space(ndim), dtype=torch.float64)
    for norm in (DomainNorm(6, ndim=ndim), DomainNorm(6, variant="seed", ndim=ndim)):
        length = torch.linalg.vector_norm(norm(x), dim=1)
        torch.testing.assert_close(length, torch.ones_like(length))


def test_only_l2_first_does_not_see_the_strength_of_single_pixels() -> None:
    x = sample(2, 6, 5, 7, dtype=torch.float64)
    strength = torch.rand(2, 1, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(5)) + 0.2
    for variant in VARIANTS:
        norm = DomainNorm(6, variant=variant)
        assert torch.allclose(norm(strength * x), norm(x)) == (variant == "l2_first")


def test_images_of_a_batch_do_not_mix() -> None:
    x = sample(3, 6, 5, 7)
    for norm in (DomainNorm(6), InstanceNorm(6), GroupNorm(6, groups=3)):
        torch.testing.assert_close(norm(x)[1:2], norm(x[1:2]))


def test_seed_variant_has_no_parameters() -> None:
    assert not list(DomainNorm(6, variant="seed").parameters())
    assert not DomainNorm(6, variant="seed").state_dict()
    assert sum(p.numel() for p in DomainNorm(6).parameters()) == 12


# --- the gate of BIN -------------------------------------------------------------------------------------


def test_training_projects_the_gate_into_its_range() -> None:
    x = sample(2, 3, 5, 7)
    norm = BatchInstanceNorm(3)
    norm.gate.data = torch.tensor([-0.5, 0.5, 1.5])
    evaluated = norm.eval()(x)
    assert norm.gate.tolist() == [-0.5, 0.5, 1.5]
    norm.train()(x)
    assert norm.gate.tolist() == [0, 0.5, 1]
    norm.batch.reset_running_stats()
    torch.testing.assert_close(norm.eval()(x), evaluated)


def test_gate_comes_back_from_the_end_of_its_range() -> None:
    """The optimiser oversteps 1, the next pass clips, and the gradient there still points inside."""
    x = sample(2, 3, 5, 7)
    norm = BatchInstanceNorm(3)
    target = InstanceNorm(3)(x).detach()
    optimiser = torch.optim.SGD([norm.gate], lr=0.1)
    norm.gate.data.fill_(1.2)
    for _ in range(60):
        optimiser.zero_grad()
        F.mse_loss(norm(x), target, reduction="sum").div(5 * 7).backward()
        optimiser.step()
    norm(x)
    assert (norm.gate < 0.2).all()
    assert (norm.gate >= 0).all()


def test_two_passes_before_one_gradient() -> None:
    """As a network does that calls its features once for each view."""
    left, right = sample(2, 3, 5, 7), sample(2, 3, 5, 7, seed=1)
    norm = BatchInstanceNorm(3)
    norm.gate.data.fill_(1.5)
    (norm(left) * norm(right)).sum().backward()
    twin = BatchInstanceNorm(3)
    (twin(left) * twin(right)).sum().backward()
    torch.testing.assert_close(norm.gate.grad, twin.gate.grad)


# --- where they stand ------------------------------------------------------------------------------------


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
    assert kinds(load("none")) == [ChannelBias, ChannelBias, ChannelBias, nothing]


@pytest.mark.parametrize("build", [Everywhere, BlockInput, BlockOutput])
def test_placements_pass_on_what_they_are_asked_for(build: Callable[..., Placement]) -> None:
    def layer(num_features: int, *, ndim: int) -> nn.Module:
        return nn.Unflatten(num_features, (ndim,))

    placement = build(layer) if build is Everywhere else build(layer, layer)
    for slot in SLOTS:
        module = getattr(placement, slot)(5, 3)
        if not isinstance(module, nn.Identity):
            assert (module.dim, module.unflattened_size) == (5, (3,))


# --- mistakes --------------------------------------------------------------------------------------------

NEEDS_PIXELS = [InstanceNorm, DomainNorm, BatchInstanceNorm, IBN]


@pytest.mark.parametrize("build", NEEDS_PIXELS)
def test_one_pixel_is_refused(build: Callable[..., nn.Module], ndim: int) -> None:
    norm = build(6, ndim=ndim)
    with pytest.raises(ShapeError, match=r"more than one pixel per channel.*\[2, \d, 1, 1"):
        norm(torch.zeros(2, 6, *[1] * ndim))


@pytest.mark.parametrize("build", [InstanceNorm, DomainNorm, BatchInstanceNorm])
@pytest.mark.parametrize("shape", [(2, 5, 4, 4), (6, 4, 4), (2, 6, 4, 4, 4)])
def test_other_shapes_are_refused(build: Callable[..., nn.Module], shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"expected an input \[B, 6, H, W\], got \["):
        build(6)(torch.zeros(shape))


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"variant: expected one of paper, seed, l2_first, got nope"):
        DomainNorm(4, variant="nope")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ratio: expected a number from 0 to 1, got 1.5"):
        IBN(4, ratio=1.5)
    for build in (*NEEDS_PIXELS, GroupNorm, ChannelBias, batch_norm):
        with pytest.raises(ValueError, match="ndim: expected 2"):
            build(4, ndim=1)


def test_functions_accept_strided_views() -> None:
    x = sample(2, 6, 10, 7)[:, :, ::2]
    torch.testing.assert_close(group_norm(x, 6, None, None, 1e-5), F.instance_norm(x))
    torch.testing.assert_close(unit_length(x), F.normalize(x, dim=1))
