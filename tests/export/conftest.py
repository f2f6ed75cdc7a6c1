"""A small network and its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dsmnet import build_model
from dsmnet.models.checkpoint import save_weights

RANGE = 32  # pixels


@pytest.fixture(scope="session")
def network() -> Any:
    """`tiny` with the parts of the weights that ship."""
    return small_network("semi_global_half")


def small_network(aggregation: str) -> Any:
    """`tiny` with weights that are not zero where a fresh network has zeros."""
    torch.manual_seed(0)
    net = build_model(
        "tiny", overrides=["model.graph_filter=true", f"model/aggregation={aggregation}"]
    ).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            if not parameter.any():
                parameter.normal_(std=0.05)
    return net


@pytest.fixture(scope="session")
def make_network() -> Callable[[str], Any]:
    return small_network


@pytest.fixture(scope="session")
def checkpoint(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_weights(path, network.net, network.config)
    return path


@pytest.fixture(scope="session")
def files(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Path of the network in a format, exported once."""
    pytest.importorskip("onnxscript")
    pytest.importorskip("openvino")
    pytest.importorskip("onnxruntime")
    from dsmnet.export import export

    folder, made = tmp_path_factory.mktemp("exported"), {}

    def get(format: str) -> Path:
        if format not in made:
            made[format] = export(network, folder / "small", format, RANGE)
        return made[format]

    return get
