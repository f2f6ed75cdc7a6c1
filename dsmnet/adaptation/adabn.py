"""AdaBN: batch norms get the statistics of the target domain (Li et al. 2016, arXiv 1603.04779)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dsmnet.adaptation.forward_hooks import forward_hooks
from dsmnet.adaptation.moments import Moments
from dsmnet.errors import DataError, UserError
from dsmnet.options import check_choice, check_number

Item = TypeVar("Item")
Mode = Literal["layerwise", "single_pass"]
Statistics = tuple[Tensor, ...]  # running mean and variance


@dataclass(frozen=True)
class LayerShift:
    """Change of the statistics of one layer, mean over its channels."""

    name: str
    channels: int
    mean: float  # in standard deviations of the source
    std: float  # ratio target / source, geometric mean


@dataclass(frozen=True)
class Adaptation:
    """Adapted layers, in the order the network runs them, and the number of items they are adapted to."""

    items: int
    mode: str
    prior: float
    layers: list[LayerShift]

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of adapt.json."""
        return asdict(self)


def batch_norms(net: nn.Module) -> dict[str, _BatchNorm]:
    """Return the batch norms of a network that keep running statistics, also those inside of other norms."""
    return {
        name: module
        for name, module in net.named_modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None
    }


@torch.no_grad()
def adapt_batch_norms(
    net: nn.Module,
    items: Callable[[str], Iterable[Item]],
    forward: Callable[[Item], object],
    *,
    mode: Mode = "layerwise",
    prior: float = 0.0,
) -> Adaptation:
    """Replace the running statistics of all batch norms by those of the target, in place.

    The statistics are the mean and variance of all values that a layer receives over all items together.
    They depend neither on the order of the items nor on how they are batched, because the network runs in
    evaluation mode throughout. With ``layerwise`` the target passes once per layer, each time up to that
    layer only, so that a layer sees what it will see when the network is used: all layers before it are
    adapted already. ``single_pass`` takes all statistics in one pass through the network as it was trained:
    quicker, but beyond the first layer they belong to a network that no longer exists. Weights, scales and
    shifts stay.

    Args:
        net: Network; it is left in the mode it was in.
        items: Function that returns the target anew, given the purpose of the pass.
        forward: Function that runs the network on one item.
        mode: ``layerwise`` or ``single_pass``.
        prior: Weight of the source statistics, as a number of items: with N items the result is
            ``(prior * source + N * target) / (prior + N)`` (Schneider et al. 2020). 0 forgets the source.

    Raises:
        UserError: The network has no batch norm, the target is empty, or an option is impossible.
        DataError: A statistic is not finite; the network then is as before.
    """
    check_choice("mode", mode, ("layerwise", "single_pass"))
    check_number("prior", prior, least=0)
    norms = batch_norms(net)
    if not norms:
        raise UserError(
            "AdaBN: the network has no batch norms, so there is nothing to adapt; expected one trained with "
            "norm=batch, batch_instance, ibn_a or ibn_b, or with such a norm@norm3d"
        )
    before = {name: tuple(s.clone() for s in _statistics(norm)) for name, norm in norms.items()}
    was_training = {module: module.training for module in net.modules()}
    net.eval()
    try:
        if mode == "single_pass":
            moments, count = _collect(norms, items("all layers"), forward)
            for name, found in moments.items():
                _set(name, norms[name], before[name], found, count, prior)
        else:
            moments = {}
            order = _execution_order(norms, items("the order of the layers"), forward)
            for number, (name, calls) in enumerate(order.items(), start=1):
                target = items(f"layer {number} of {len(order)}")
                layer, count = _collect({name: norms[name]}, target, forward, calls)
                moments |= layer
                _set(name, norms[name], before[name], layer[name], count, prior)
    except BaseException:
        for name, norm in norms.items():
            _write(norm, before[name])
        raise
    finally:
        for module, training in was_training.items():
            module.training = training
    layers = [_shift(name, norms[name], before[name]) for name in moments]
    return Adaptation(count, mode, prior, layers)


class _Passed(Exception):
    """The layer of interest has run: the rest of the network need not."""


def _execution_order(
    norms: dict[str, _BatchNorm], items: Iterable[Item], forward: Callable[[Item], object]
) -> dict[str, int]:
    """Return the number of calls of each layer in a pass, in the order of the first calls."""
    calls: dict[str, int] = {}

    def see(name: str, _: Tensor, __: Tensor) -> None:
        calls[name] = calls.get(name, 0) + 1

    with forward_hooks(norms, see):
        for item in items:
            forward(item)
            return calls
    raise UserError("AdaBN: the target has no images")


def _collect(
    norms: dict[str, _BatchNorm],
    items: Iterable[Item],
    forward: Callable[[Item], object],
    calls: int | None = None,
) -> tuple[dict[str, Moments], int]:
    """Return the moments of the layers' inputs, and the number of items; a pass ends after so many calls."""
    moments: dict[str, Moments] = {}
    left = count = 0

    def see(name: str, x: Tensor, _: Tensor) -> None:
        nonlocal left
        moments.setdefault(name, Moments()).add(x)
        left -= 1
        if calls is not None and not left:
            raise _Passed

    with forward_hooks(norms, see):
        for item in items:
            count, left = count + 1, calls or 0
            with suppress(_Passed):
                forward(item)
    if not count:
        raise UserError("AdaBN: the target has no images")
    return moments, count


def _set(name: str, norm: _BatchNorm, source: Statistics, found: Moments, count: int, prior: float) -> None:
    """Give a layer the target's statistics, mixed with the source's; variances as torch keeps them."""
    share = count / (count + prior)
    target = found.mean, found.variance(correction=1)
    if not all(torch.isfinite(statistic).all() for statistic in target):
        raise DataError(
            f"AdaBN: the statistics of layer {name} on the target are not finite; left as they were"
        )
    _write(norm, tuple(s + (t.to(s) - s) * share for s, t in zip(source, target, strict=True)))


def _statistics(norm: _BatchNorm) -> Statistics:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return norm.running_mean, norm.running_var


def _write(norm: _BatchNorm, statistics: Statistics) -> None:
    for own, new in zip(_statistics(norm), statistics, strict=True):
        own.copy_(new)


def _shift(name: str, norm: _BatchNorm, source: Statistics) -> LayerShift:
    (mean, variance), (new_mean, new_variance) = source, _statistics(norm)
    std = (variance + norm.eps).sqrt()
    ratio = ((new_variance + norm.eps).sqrt() / std).log().mean().exp()
    return LayerShift(name, norm.num_features, float(((new_mean - mean).abs() / std).mean()), float(ratio))
