"""The mean of the weights of several networks that were trained on from a common start."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from dsmnet.api import load_model
from dsmnet.errors import ShapeError, UserError, first_of
from dsmnet.inference import StereoPredictor
from dsmnet.models.state_dict import list_differences, load_into
from dsmnet.models.stereo_net import StereoNet
from dsmnet.options import check_number

log = logging.getLogger(__name__)

# Networks trained on from a common start lie within 0.2 of their mean, those of two seeds 0.5 from it.
_FAR = 0.3


def average_models(sources: Sequence[str], shares: Sequence[float] | None = None) -> StereoPredictor:
    """Return the network whose weights are the mean of those of several checkpoints, on the CPU.

    Networks trained on from the same weights, each with data or options of its own, often have a mean of less
    error than each of them ("model soup", Wortsman et al. 2022). Networks that began apart have no useful
    mean; a warning tells of distances that only those have.

    Args:
        sources: At least two checkpoints of one network, as `load_model` takes them.
        shares: Share of each in the mean, scaled to a sum of 1; default: equal ones.

    Raises:
        UserError: A file is missing or exported, the networks differ, or the shares are no such numbers.
    """
    if len(sources) < 2:
        raise UserError(f"checkpoint={', '.join(sources)}: expected several checkpoints, as in [A,B]")
    scaled = _scaled([1] * len(sources) if shares is None else shares, len(sources))
    nets = [load_model(source, device="cpu") for source in sources]
    _check_alike(sources, nets)
    states = [net.net.state_dict() for net in nets]
    mean = average_tensors(states, scaled)
    for source, share, state in zip(sources, scaled, states, strict=True):
        distance = relative_distance(state, mean)
        log.info("%s: share %.3g, %.1f %% from the mean", source, share, 100 * distance)
        if distance > _FAR:
            log.warning("%s: far from the mean; were these networks trained from a common start?", source)
    if any(name.endswith("running_var") for name in mean):
        log.warning("statistics of batch norms are averaged too; method=adabn of dsmnet adapt takes new ones")
    load_into(nets[0].net, mean, "the mean")
    return nets[0]


def average_tensors(states: Sequence[Mapping[str, Tensor]], shares: Sequence[float]) -> dict[str, Tensor]:
    """Return the weighted mean of the tensors of several networks.

    Args:
        states: Tensors of each network by name, alike in names and shapes.
        shares: Share of each network in the mean; their sum is 1.

    Returns:
        Tensors by name, computed in float64 and in the type of the first network's; tensors of whole numbers
        (counters of batch norms) are those of the first network.
    """
    mean = {}
    for name, first in states[0].items():
        parts = [share * state[name].double() for state, share in zip(states, shares, strict=True)]
        mean[name] = sum(parts[1:], parts[0]).to(first.dtype) if first.is_floating_point() else first.clone()
    return mean


def relative_distance(state: Mapping[str, Tensor], mean: Mapping[str, Tensor]) -> float:
    """Return the length of the difference between two networks' tensors, by the length of the second's."""
    names = [name for name, tensor in mean.items() if tensor.is_floating_point()]
    difference = sum(float((state[name].double() - mean[name].double()).square().sum()) for name in names)
    return math.sqrt(difference / sum(float(mean[name].double().square().sum()) for name in names))


def _scaled(given: Sequence[Any], count: int) -> list[float]:
    """Return the shares with a sum of 1."""
    if len(given) != count:
        raise UserError(f"shares={list(given)}: expected {count} numbers, one per checkpoint")
    values = [check_number("shares", share, least=0) for share in given]
    if not (total := sum(values)) > 0:
        raise UserError(f"shares={list(given)}: expected a number above 0 among them")
    return [value / total for value in values]


def _check_alike(sources: Sequence[str], nets: Sequence[StereoPredictor]) -> None:
    """Refuse exported files, and networks that differ in their tensors or options."""
    first = nets[0]
    for source, net in zip(sources, nets, strict=True):
        if not isinstance(net.net, StereoNet):
            raise UserError(f"checkpoint={source}: an exported file has no weights to average")
        if differences := list_differences(first.net.state_dict(), net.net.state_dict()):
            raise ShapeError(f"checkpoint={source} is another network than {sources[0]}: {differences}")
        options, theirs = first.config["network"], net.config["network"]
        if names := [name for name in {**options, **theirs} if options.get(name) != theirs.get(name)]:
            differing = ", ".join(first_of(names))
            raise UserError(f"checkpoint={source}: differs from {sources[0]} in {differing}")
