"""Tensors by the names of the authors' code, the same on every machine."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

Shapes = dict[str, list[int]]
LISTS = Path(__file__).parent / "official_names"  # {name: shape}, of the tensors that the constructors make


def shared_backbone(shapes: Shapes) -> Shapes:
    block = {f"conv2.0.conv{at}.{part}": size for at in (1, 2) for part, size in KERNEL.items()}
    head = {"conv2.1.weight": [256, 128, 3, 3], "conv2.1.bias": [256]}
    return {k: v for k, v in shapes.items() if not k.startswith("fnet.")} | block | head


def realtime(shapes: Shapes) -> Shapes:
    fast = shared_backbone(shapes) | {f"update_block.gru16.conv{at}.weight": [128, 256, 3, 3] for at in "zrq"}
    fast |= {"update_block.mask.2.weight": [576, 256, 1, 1], "update_block.mask.2.bias": [576]}
    return {name: shape for name, shape in fast.items() if not name.startswith("context_zqr_convs.2.")}


def instance_context(shapes: Shapes) -> Shapes:
    return {k: v for k, v in shapes.items() if ".norm" not in k and ".downsample.1." not in k}


KERNEL = {"weight": [128, 128, 3, 3], "bias": [128]}
RAFT_FORMS: dict[str | None, Callable[[Shapes], Shapes]] = {  # of the list, which is that of the default form
    None: lambda shapes: shapes,
    "shared": shared_backbone,
    "realtime": realtime,
    "instance": instance_context,
}


@pytest.fixture(scope="session")
def noise() -> Callable[[int, int], Tensor]:
    """A function of count and seed: numbers in [0, 1) that look like chance and are the same everywhere."""

    def make(count: int, seed: int) -> Tensor:
        at = torch.arange(count, dtype=torch.float64)
        return (torch.sin(12.9898 * at + 78.233 * seed) * 43758.5453).remainder(1)

    return make


@pytest.fixture(scope="session")
def fill(noise: Callable[[int, int], Tensor]) -> Callable[..., dict[str, Tensor]]:
    """A function of {name: shape}: tensors such that signals neither vanish nor explode.

    `head` is the gain of the convolutions that end in a single channel.
    """

    def make(shapes: Shapes, head: float = 3.0) -> dict[str, Tensor]:
        tensors = {}
        for seed, (name, shape) in enumerate(shapes.items()):
            value = noise(math.prod(shape), seed).reshape(shape)
            if math.prod(shape[1:]) > 1:
                gain = head if shape[0] == 1 else 1.4
                value = (value - 0.5) * (gain**2 * 12 / math.prod(shape[1:])) ** 0.5
            elif name.endswith(("running_mean", "bias")):
                value = 0.2 * value
            elif name.endswith("running_var"):
                value = 1 + value
            else:
                value = 0.5 + 0.5 * value
            tensors[name] = value.float() if shape else torch.tensor(1)
        return tensors

    return make


@pytest.fixture(scope="session")
def official(fill: Callable[..., dict[str, Tensor]]) -> Callable[..., dict[str, Tensor]]:
    """A function of a network's list: tensors of `fill`; `form` is one of `RAFT_FORMS`."""

    def make(network: str, head: float = 3.0, form: str | None = None) -> dict[str, Tensor]:
        return fill(RAFT_FORMS[form](json.loads((LISTS / f"{network}.json").read_text())), head)

    return make
