"""Checkpoints of every format, broken at random: one line that names the file, or weights that are finite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dsmnet import build_model, load_model
from dsmnet.errors import FormatError, ShapeError, UserError
from dsmnet.models.checkpoint import NET_PREFIX, read_checkpoint, save_weights
from tests.robustness.mutate import mutate

SHARE = 4  # of the inputs of --fuzz, one in so many is a checkpoint


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small file of every format, its suffix first."""
    folder = tmp_path_factory.mktemp("seeds")
    net = build_model("tiny")
    for suffix in (".safetensors", ".ckpt"):
        save_weights(folder / f"own{suffix}", net.net, net.config)
    state = {f"module.{NET_PREFIX}{name}": tensor for name, tensor in net.net.state_dict().items()}
    torch.save({"epoch": 1, "state_dict": state}, folder / "legacy.tar", _use_new_zipfile_serialization=False)
    torch.save(state, folder / "plain.pth")
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt", ".tar", ".pth"])
def test_read_checkpoint_broken_file_is_one_line(
    suffix: str, seeds: dict[str, bytes], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rng = np.random.default_rng([*suffix.encode()])
    path, refused = tmp_path / f"broken{suffix}", 0
    count = int(request.config.getoption("--fuzz", 2000)) // SHARE // 4
    for number in range(count):
        path.write_bytes(mutate(seeds[suffix], rng))
        try:
            found = read_checkpoint(path)
        except UserError as error:
            refused += 1
            message = str(error)
            assert path.name in message, number
            assert len(message) < 500, number
            assert message.isprintable(), number
        else:
            numbers = [tensor for tensor in found.tensors.values() if tensor.is_floating_point()]
            assert all(torch.isfinite(tensor).all() for tensor in numbers), number
    assert refused > count // 4


def test_load_model_broken_configuration_is_one_line(tmp_path: Path) -> None:
    """Values of the stored configuration replaced by others, one at a time."""
    net = build_model("tiny")
    text = json.dumps(net.config["network"])
    target = {"_target_": "os.getcwd"}
    values: list[Any] = [None, True, -1, 0, 10**12, 1.5, "x", [], {}, [[]], target, "a" * 500]
    rng = np.random.default_rng(0)
    for _ in range(60):
        network = json.loads(text)
        node, keys = network, []
        while isinstance(node, dict) and node and len(keys) < 4:
            keys.append(sorted(node)[int(rng.integers(len(node)))])
            parent, node = node, node[keys[-1]]
        parent[keys[-1]] = values[int(rng.integers(len(values)))]
        save_weights(tmp_path / "own.ckpt", net.net, {"network": network})
        try:
            load_model(tmp_path / "own.ckpt", device="cpu")
        except (FormatError, ShapeError) as error:
            assert "own.ckpt" in str(error), keys  # noqa: PT017
