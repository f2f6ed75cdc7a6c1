"""Files of the authors' code load by their names, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dsmnet import load_model
from dsmnet.errors import FormatError, ShapeError, UserError

# By the list of names: stride and norms of the network that is found.
NETWORKS = {
    "dsmnet_stride3": (3, "domain", "batch"),
    "dsmnet_stride4": (4, "domain_l2_first", "batch"),
    "gwcnet": (4, "batch", "batch"),
    "psmnet": (4, "batch", "batch"),
}
MakeFile = Callable[..., Path]
Official = Callable[..., dict[str, Tensor]]


@pytest.fixture
def make_file(tmp_path: Path) -> MakeFile:
    def make(tensors: dict[str, Tensor], key: str | None = "state_dict", prefix: str = "module.") -> Path:
        path = tmp_path / "official.pth"
        state = {prefix + name: tensor for name, tensor in tensors.items()}
        torch.save(state if key is None else {"epoch": 9, key: state}, path)
        return path

    return make


@pytest.mark.parametrize("network", NETWORKS)
def test_every_tensor_arrives(network: str, make_file: MakeFile, official: Official) -> None:
    tensors = official(network)
    found = load_model(make_file(tensors), format="official", device="cpu")
    assert (found.net.stride, found.config["norm"], found.config["norm3d"]) == NETWORKS[network]
    state = found.net.state_dict()
    assert len(state) == len(tensors)
    fingerprints = sorted(float(t.double().sum()) for t in tensors.values())
    assert sorted(float(t.double().sum()) for t in state.values()) == pytest.approx(fingerprints)


def test_names_of_dsmnet_go_where_they_belong(make_file: MakeFile, official: Official) -> None:
    tensors = official("dsmnet_stride4")
    state = load_model(make_file(tensors), format="official", device="cpu").net.state_dict()
    for ours, theirs in {
        "backbone.stem.1.0.weight": "feature.conv_start.1.conv.weight",
        "backbone.up1.0.change.0.weight": "feature.deconv4a.conv1.conv.weight",
        "backbone.filters.3.embed.1.bias": "feature.nlf2.getweights.0.bn.normalize.bias",
        "backbone.pyramids.1.branches.2.weight": "feature.pyramid2.conv3.1.weight",
        "guidance.coarse_heads.3.0.weight": "guidance.weight_sg14.conv.weight",
        "aggregation.coarse.1.norm.running_var": "cost_agg.sga12.bn_relu.0.running_var",
        "aggregation.heads.2.weight": "cost_agg.disp2.conv3d_2d.weight",
    }.items():
        torch.testing.assert_close(state[ours], tensors[theirs], rtol=0, atol=0)


@pytest.mark.parametrize(("key", "prefix"), [("state_dict", ""), ("model", "module."), (None, "module.")])
def test_wherever_the_authors_put_the_tensors(
    make_file: MakeFile, key: str | None, prefix: str, official: Official
) -> None:
    path = make_file(official("dsmnet_stride4"), key, prefix)
    assert load_model(path, format="official", device="cpu").config["model"] == "dsmnet"


@pytest.mark.parametrize("network", NETWORKS)
def test_missing_unknown_and_misshapen_tensors_are_listed(
    network: str, make_file: MakeFile, official: Official
) -> None:
    tensors = official(network)
    kernels = [name for name, tensor in tensors.items() if tensor.dim() == 4]
    gone, bent = kernels[3], kernels[5]
    del tensors[gone]
    tensors[bent] = tensors[bent][:-1]
    tensors["feature.surprise.weight"] = torch.zeros(3)
    with pytest.raises(ShapeError) as error:
        load_model(make_file(tensors), format="official", device="cpu")
    text = str(error.value)
    assert "3 differences" in text
    assert f"missing: {gone}" in text
    assert "unknown: feature.surprise.weight (3,)" in text
    assert f"shape of {bent}: file" in text


def test_counters_of_batch_norm_may_be_absent(make_file: MakeFile, official: Official) -> None:
    tensors = {k: v for k, v in official("dsmnet_stride4").items() if not k.endswith("num_batches_tracked")}
    load_model(make_file(tensors), format="official", device="cpu")


def test_files_that_are_something_else(tmp_path: Path) -> None:
    for content, message in (
        ({"state_dict": {"module.head.weight": torch.zeros(3)}}, "official .*; its first tensors are head"),
        ([1, 2], "holds no weights by name, but a list"),
    ):
        torch.save(content, tmp_path / "other.pth")
        with pytest.raises(FormatError, match=message):
            load_model(tmp_path / "other.pth", format="official", device="cpu")
    with pytest.raises(UserError, match=r"checkpoint=.*nothing.pth: no such file"):
        load_model(tmp_path / "nothing.pth", format="official", device="cpu")
    with pytest.raises(UserError, match="format=caffe: expected auto, native or official"):
        load_model(tmp_path / "other.pth", format="caffe")
    with pytest.raises(UserError, match="format=official: expected the path"):
        load_model(format="official")
