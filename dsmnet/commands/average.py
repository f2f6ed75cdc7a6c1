"""Average weights: `python tools/average.py checkpoint=[A,B,...] [shares=[0.5,0.5,...]]`.

Writes weights.safetensors, the mean of networks that were trained on from a common start, under paths.output.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from dsmnet.api import load_model
from dsmnet.atomic import check_apart
from dsmnet.config import listed, tool
from dsmnet.errors import ShapeError, UserError, first_of
from dsmnet.inference import StereoPredictor
from dsmnet.models.checkpoint import save_weights
from dsmnet.models.state_dict import list_differences, load_into
from dsmnet.models.stereo_net import StereoNet
from dsmnet.models.weight_average import average_weights, relative_distance
from dsmnet.options import check_number

log = logging.getLogger(__name__)

# Networks trained on from a common start lie within 0.1 of their mean, those of two seeds 0.5 from it.
_FAR = 0.3


@tool("average")
def main(cfg: DictConfig) -> None:
    """Load the networks, check that they are alike, write their mean."""
    output, sources = Path(cfg.paths.output), [str(path) for path in listed(cfg.checkpoint)]
    if len(sources) < 2:
        raise UserError(f"checkpoint={cfg.checkpoint}: expected several checkpoints, as in [A,B]")
    shares = _shares(listed(cfg.shares) or [1] * len(sources), len(sources))
    check_apart(output, ["weights.safetensors"], sources)
    nets = [load_model(source, device="cpu") for source in sources]
    _check_alike(sources, nets)
    states = [net.net.state_dict() for net in nets]
    mean = average_weights(states, shares)
    for source, share, state in zip(sources, shares, states, strict=True):
        distance = relative_distance(state, mean)
        log.info("%s: share %.3g, %.1f %% from the mean", source, share, 100 * distance)
        if distance > _FAR:
            log.warning("%s: far from the mean; were these networks trained from a common start?", source)
    if any(name.endswith("running_var") for name in mean):
        log.warning("statistics of batch norms are averaged too; method=adabn of dsmnet adapt takes new ones")
    load_into(nets[0].net, mean, "the mean")
    save_weights(output / "weights.safetensors", nets[0].net, nets[0].config)
    log.info("wrote %s", output / "weights.safetensors")


def _shares(given: Sequence[Any], count: int) -> list[float]:
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
