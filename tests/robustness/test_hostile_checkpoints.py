"""A checkpoint of any format with a configuration of any shape runs nothing outside of the package."""

from __future__ import annotations

import copy
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from dsmnet import build_model, load_model
from dsmnet.config import instantiate
from dsmnet.errors import FormatError, UserError
from dsmnet.export.graph_metadata import VERSION, GraphMetadata
from dsmnet.models.checkpoint import CONFIG_KEY, NET_PREFIX, check_resumable, read_checkpoint
from dsmnet.stored import building_blocks

Write = Callable[[Path, dict[str, Any]], Path]
CANARY = "canary"


def write_safetensors(folder: Path, config: dict[str, Any], net: Any) -> Path:
    path = folder / "bad.safetensors"
    state = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
    save_file(state, path, metadata={CONFIG_KEY: json.dumps(config)})
    return path


def write_ckpt(folder: Path, config: dict[str, Any], net: Any) -> Path:
    path = folder / "bad.ckpt"
    state = {NET_PREFIX + name: tensor for name, tensor in net.state_dict().items()}
    torch.save({CONFIG_KEY: config, "state_dict": state}, path)
    return path


WRITERS = (write_safetensors, write_ckpt)


@pytest.fixture(scope="module")
def network() -> Any:
    return build_model("tiny")


def targets() -> dict[str, dict[str, Any]]:
    """Nodes that do something when they are built without being looked at."""
    touch = f"__import__('pathlib').Path('{CANARY}').touch()"
    return {
        "sympify": {"_target_": "sympy.sympify", "_args_": [touch]},
        "eval": {"_target_": "builtins.eval", "_args_": [touch]},
        "open": {"_target_": "builtins.open", "file": CANARY, "mode": "w"},
        "write_text": {
            "_target_": "pathlib.Path.write_text",
            "_args_": [{"_target_": "pathlib.Path", "_args_": [CANARY]}, "x"],
        },
        "spawn": {
            "_target_": "multiprocessing.util.spawnv_passfds",
            "_args_": ["/bin/touch", ["touch", CANARY], []],
        },
        "system": {"_target_": "os.system", "_args_": [f"touch {CANARY}"]},
        "within the package": {"_target_": "dsmnet.atomic.remove_parts", "folder": "."},
        "save": {"_target_": "dsmnet.models.checkpoint.save_file", "tensors": {}, "filename": CANARY},
        "instantiate": {"_target_": "hydra.utils.instantiate", "_args_": [{"_target_": "builtins.exit"}]},
        "partial": {"_target_": "builtins.open", "_partial_": True, "file": CANARY},
        "torch.load": {"_target_": "torch.load", "f": CANARY},
        "not a name": {"_target_": ["os.system"]},
        "interpolation": {"_target_": "dsmnet.layers.input_norm.ImageZScore", "eps": "${oc.env:HOME}"},
        "target by interpolation": {"_target_": "${oc.env:HOME}"},
        "convert": {"_target_": "dsmnet.layers.input_norm.ImageZScore", "_convert_": "object"},
        "arguments": {
            "_target_": "dsmnet.layers.input_norm.ImageZScore",
            "_args_": [{"_target_": "os.getcwd"}],
        },
    }


def places(network: dict[str, Any], bad: Any) -> dict[str, dict[str, Any]]:
    """The configuration of a network with a node in the place of something else."""
    within = copy.deepcopy(network)
    within["norm"]["layer"]["deep"] = [[{"x": {"y": [bad]}}]]
    return {
        "network": {"network": bad},
        "normalize": {"network": {**network, "normalize": bad}},
        "deep": {"network": within},
        "beside": {"network": {**network, "more": bad}},
    }


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("name", targets())
def test_load_model_stored_target_outside_of_conf_is_refused(
    write: Any, name: str, network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for place, config in places(network.config["network"], targets()[name]).items():
        path = write(tmp_path, config, network.net)
        with pytest.raises(FormatError) as refused:
            load_model(path, device="cpu")
        message = str(refused.value)
        assert path.name in message, place
        assert len(message) < 500
        assert "${" not in message or "HOME" in message  # never its value
    assert not Path(CANARY).exists()


def test_building_blocks_are_modules_and_functions_of_layers() -> None:
    """None of them reads or writes files, or builds what its arguments name."""
    assert len(building_blocks()) > 20
    homes = ("dsmnet.layers.", "dsmnet.stages.", "dsmnet.models.", "torch.nn.")
    assert all(name.startswith(homes) for name in building_blocks())


@pytest.mark.parametrize(
    "network",
    [
        [],
        "text",
        None,
        {},
        {"_target_": "dsmnet.layers.input_norm.ImageZScore"},
        {"_target_": "dsmnet.models.dsmnet_lite.DSMNetLite"},
        {"_target_": "dsmnet.models.dsmnet_lite.DSMNetLite", "widths": [10**9]},
        {"_target_": "dsmnet.models.dsmnet_lite.DSMNetLite", "widths": [4096, 4096, 4096, 4096]},
        {"_target_": "dsmnet.models.dsmnet_lite.DSMNetLite", "window": float("nan")},
        {"_target_": "dsmnet.models.dsmnet_lite.DSMNetLite", "widths": [[]] * 5000},
        {"_target_": "dsmnet.models.dsmnet_lite.DSMNetLite", "window": 2, "__class__": 1},
    ],
)
@pytest.mark.parametrize("write", WRITERS)
def test_load_model_configuration_of_no_network_is_one_line(write: Any, network: Any, tmp_path: Path) -> None:
    net = torch.nn.Linear(2, 2)
    path = write(tmp_path, {"network": network}, net)
    with pytest.raises(FormatError) as refused:
        load_model(path, device="cpu")
    assert path.name in str(refused.value)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("config", [[], "text", {}, {"network": 1}, 5])
@pytest.mark.parametrize("write", WRITERS)
def test_load_model_configuration_without_network_is_one_line(
    write: Any, config: Any, tmp_path: Path
) -> None:
    with pytest.raises(FormatError, match="describes no network"):
        load_model(write(tmp_path, config, torch.nn.Linear(2, 2)), device="cpu")


@pytest.mark.parametrize(
    "state",
    [[1], torch.zeros(3), {1: torch.zeros(3)}, {}, {"net.a": 1}, {"net.a": torch.zeros(2).to_sparse()}, None],
)
def test_load_model_state_that_is_none_is_one_line(state: Any, tmp_path: Path) -> None:
    torch.save({CONFIG_KEY: {"network": {"_target_": "x"}}, "state_dict": state}, tmp_path / "bad.ckpt")
    with pytest.raises(FormatError, match=r"bad\.ckpt"):
        load_model(tmp_path / "bad.ckpt", device="cpu")


def test_load_model_weights_repeated_by_strides_are_refused(tmp_path: Path) -> None:
    """A file of a kilobyte that unfolds to terabytes."""
    torch.save({"state_dict": {"a": torch.zeros(1).expand(10**12)}}, tmp_path / "bad.pth")
    with pytest.raises(FormatError, match=r"claims 4000000000000 bytes"):
        load_model(tmp_path / "bad.pth", device="cpu")


def test_load_model_compressed_archive_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.zeros(10**6)}}, tmp_path / "plain.pth")
    plain = zipfile.ZipFile(tmp_path / "plain.pth")
    with plain, zipfile.ZipFile(tmp_path / "bad.pth", "w", zipfile.ZIP_DEFLATED) as bad:
        for entry in plain.infolist():
            bad.writestr(entry.filename, plain.read(entry))
    with pytest.raises(FormatError, match="holds more than its own size"):
        load_model(tmp_path / "bad.pth", device="cpu")


def test_load_model_weights_that_are_not_finite_are_refused(network: Any, tmp_path: Path) -> None:
    net = copy.deepcopy(network.net)
    next(iter(net.parameters())).data[0] = float("nan")
    with pytest.raises(FormatError, match="not finite"):
        load_model(write_ckpt(tmp_path, network.config, net), device="cpu")


class Harmful:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path(CANARY),))


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("option", ["checkpoint", "resume", "init"])
def test_pickle_that_would_run_is_refused_in_our_words(
    legacy: bool, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = {CONFIG_KEY: Harmful(), "state_dict": {}}
    torch.save(content, "bad.ckpt", _use_new_zipfile_serialization=not legacy)
    read: Any = check_resumable if option == "resume" else read_checkpoint
    with pytest.raises(FormatError, match=rf"^{option}=bad\.ckpt: refused, it asks for getattr") as refused:
        read(Path("bad.ckpt"), option)
    assert "weights_only" not in str(refused.value)
    assert not Path(CANARY).exists()


@pytest.mark.parametrize("format", ["auto", "official"])
def test_pickle_beside_good_tensors_runs_nothing(
    format: str, network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": network.net.state_dict(), "opt": Harmful()}, "bad.pth")
    with pytest.raises(FormatError, match=r"bad\.pth: refused, it asks for getattr"):
        load_model("bad.pth", format=format, device="cpu")
    assert not Path(CANARY).exists()


SUFFIXES = [".onnx", ".xml", ".pt2", ".safetensors", ".tar", ".pth", ".ckpt", ".pkl", ""]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [Harmful(), {"state_dict": Harmful()}], ids=["whole", "within"])
def test_pickle_under_any_name_runs_nothing(
    suffix: str, content: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(f"bad{suffix}").write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match=rf"bad{suffix}"):
        load_model(f"bad{suffix}", device="cpu")
    assert not Path(CANARY).exists()


@pytest.mark.parametrize("name", targets())
def test_load_model_export_with_stored_target_is_refused(
    name: str, network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The description of an export builds the normalisation of images, and no more."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    value = onnx.helper.make_tensor_value_info
    ends = value("left", 1, [1]), value("disparity", 1, [1])
    node = onnx.helper.make_node("Relu", ["left"], ["disparity"])
    graph = onnx.helper.make_graph([node], "g", [ends[0]], [ends[1]])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    config = {"network": {**network.config["network"], "normalize": targets()[name]}}
    facts = {"version": VERSION, "max_disparity": 32, "ranges": [29, 32], "divisor": 16, "smallest": [16, 16]}
    entry = model.metadata_props.add()
    entry.key, entry.value = "dsmnet_export", json.dumps({**facts, "config": config})
    onnx.save(model, "bad.onnx")
    with pytest.raises(FormatError, match=r"bad\.onnx"):
        load_model("bad.onnx")
    assert not Path(CANARY).exists()


@pytest.mark.parametrize(
    "change",
    [
        {"divisor": 0},
        {"divisor": 10**12},
        {"smallest": [1]},
        {"ranges": "ab"},
        {"max_disparity": "x"},
        {"images": "float"},
        {"images": []},
        {"config": []},
        {"config": {"network": 1}},
        {"more": 1},
        {"version": 10**300},
    ],
)
def test_facts_of_an_export_that_are_impossible_are_refused(change: dict[str, Any]) -> None:
    good = {"version": VERSION, "max_disparity": 32, "ranges": [29, 32], "divisor": 16, "smallest": [16, 16]}
    good["config"] = {"network": {}}
    GraphMetadata.from_json(json.dumps(good), "x.onnx")
    with pytest.raises(FormatError, match=r"x\.onnx"):
        GraphMetadata.from_json(json.dumps({**good, **change}), "x.onnx")


def test_own_configuration_is_still_anything(tmp_path: Path) -> None:
    """A configuration that the user writes is code of the user's: nothing is taken from it."""
    assert instantiate({"_target_": "pathlib.PurePosixPath", "_args_": ["a"]}).name == "a"
