from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dsmnet import build_model, load_model
from dsmnet.api import DEFAULT_WEIGHTS
from dsmnet.errors import FormatError, ShapeError, UserError
from dsmnet.models.checkpoint import CONFIG_KEY, find_weights, packaged_names, read_weights, save_weights
from dsmnet.models.state_dict import load_into


def test_weights_and_configuration_come_back(tmp_path: Path) -> None:
    net = build_model("tiny", norm="ibn_a")
    path = tmp_path / "net.safetensors"
    save_weights(path, net.net, net.config)
    loaded = load_model(path, device="cpu")
    assert loaded.config == net.config
    assert loaded.config["norm"] == "ibn_a"
    image = np.random.default_rng(0).integers(0, 256, (40, 64, 3)).astype(np.uint8)
    np.testing.assert_array_equal(net.predict(image, image), loaded.predict(image, image))


def test_training_checkpoints_load_too(tmp_path: Path) -> None:
    net = build_model("tiny")
    state = {f"net.{name}": tensor for name, tensor in net.net.state_dict().items()}
    torch.save({"state_dict": state, CONFIG_KEY: net.config}, tmp_path / "last.ckpt")
    loaded = load_model(tmp_path / "last.ckpt", device="cpu")
    for name, tensor in net.net.state_dict().items():
        assert torch.equal(tensor, loaded.net.state_dict()[name])


def test_differences_are_listed_and_nothing_is_copied() -> None:
    net = build_model("tiny").net
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    tensors = {name: tensor + 1 for name, tensor in before.items()}
    names = list(tensors)
    del tensors[names[0]]
    tensors["extra.weight"] = torch.zeros(3)
    tensors[names[1]] = torch.zeros(1)
    with pytest.raises(ShapeError) as error:
        load_into(net, tensors, "x.ckpt")
    missing, shape = f"missing: {names[0]}", f"shape of {names[1]}: file (1,)"
    for part in ("x.ckpt", missing, "unknown: extra.weight (3,)", shape):
        assert part in str(error.value)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


def test_files_that_are_no_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"missing\.ckpt: no such file"):
        read_weights(Path("missing.ckpt"))
    for name in ("text.ckpt", "text.safetensors"):
        Path(name).write_text("not a checkpoint")
        with pytest.raises(FormatError, match=name):
            read_weights(Path(name))
    save_file({"weight": torch.zeros(2)}, "foreign.safetensors")
    with pytest.raises(FormatError, match="no dsmnet configuration"):
        read_weights(Path("foreign.safetensors"))


@pytest.mark.parametrize("name", ["dsmnet_base", "dsmnet_lite"])
def test_shipped_weights_are_small_and_load(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert packaged_names() == ["dsmnet_base", "dsmnet_lite"]
    assert find_weights(Path("dsmnet_lite")) == DEFAULT_WEIGHTS
    assert find_weights(Path(name)).stat().st_size <= 16 * 2**20
    net = load_model(name, device="cpu")
    assert net.config["model"] == name
    assert all(torch.isfinite(p).all() for p in net.parameters())


def test_a_file_comes_before_weights_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dsmnet_base").write_text("mine")
    assert find_weights(Path("dsmnet_base")) == Path("dsmnet_base")
    assert find_weights(Path("elsewhere/dsmnet_lite")) == Path("elsewhere/dsmnet_lite")
    with pytest.raises(UserError, match=r"checkpoint=dsmnet: no such file, .* \(dsmnet_base, dsmnet_lite\)"):
        load_model("dsmnet")
