"""Tensors by the names of the authors' code, the same on every machine."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

LISTS = Path(__file__).parent / "official_names"  # {name: shape}, of the tensors that the constructors make


@pytest.fixture(scope="session")
def noise() -> Callable[[int, int], Tensor]:
    """A function of count and seed: numbers in [0, 1) that look like chance and are the same everywhere."""

    def make(count: int, seed: int) -> Tensor:
        at = torch.arange(count, dtype=torch.float64)
        return (torch.sin(12.9898 * at + 78.233 * seed) * 43758.5453).remainder(1)

    return make


@pytest.fixture(scope="session")
def official(noise: Callable[[int, int], Tensor]) -> Callable[..., dict[str, Tensor]]:
    """A function of a network's list: tensors such that signals neither vanish nor explode.

    `head` is the gain of the convolutions that end in a single channel.
    """

    def make(network: str, head: float = 3.0) -> dict[str, Tensor]:
        tensors = {}
        shapes: dict[str, list[int]] = json.loads((LISTS / f"{network}.json").read_text())
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
