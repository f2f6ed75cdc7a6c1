"""Exported files: the same disparities as torch, and clear words for what they cannot do."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet import build_model, load_model
from dsmnet.errors import FormatError, UserError
from dsmnet.export import FORMATS, SUFFIXES, export
from dsmnet.export.capture import equal_ranges
from dsmnet.export.on_demand import OnDemandNet
from dsmnet.inference import StereoPredictor

RANGE = 32  # that of the files

RUNS = [("onnx", "onnxruntime"), ("onnx", "openvino"), ("openvino", "openvino"), ("torch_export", "torch")]


def pair(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    left = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    return left, np.roll(left, -5, axis=1)


@pytest.mark.parametrize(("format", "backend"), RUNS)
def test_equals_torch_at_any_size(network: Any, files: Any, format: str, backend: str) -> None:
    exported = load_model(files(format), backend=backend)
    assert exported.config == network.config
    for size in ((70, 131), (96, 144), (40, 30)):
        left, right = pair(*size)
        expected = network.predict(left, right, RANGE)
        assert expected.std() > 0.1
        found = exported.predict(left, right, RANGE)
        assert found.shape == size
        assert np.abs(found - expected).mean() < 1e-3


def test_half_precision_is_close(network: Any, files: Any) -> None:
    left, right = pair(70, 131)
    exact, rough = (
        load_model(files("openvino"), backend=name).predict(left, right)
        for name in ("openvino", "openvino_bf16")
    )
    assert np.median(np.abs(rough - exact)) < 1


def test_every_suffix_is_written_by_a_format() -> None:
    assert {suffix for suffix, _ in FORMATS.values()} == set(SUFFIXES)


def test_another_range_is_refused(files: Any) -> None:
    exported = load_model(files("onnx"))
    left, right = pair(64, 96)
    exported.predict(left, right)
    exported.predict(left, right, RANGE - 3)  # the same planes
    message = f"exported with max_disparity={RANGE}, asked for 64; export it again"
    with pytest.raises(UserError, match=message):
        exported.predict(left, right, 64)


@pytest.mark.parametrize(
    ("model", "asked", "expected"),
    [("tiny", 32, (29, 32)), ("tiny", 29, (29, 32)), ("dsmnet", 96, (81, 96)), ("psmnet", 90, (81, 96))],
)
def test_ranges_of_the_same_planes(model: str, asked: int, expected: tuple[int, int]) -> None:
    """DSMNet has a plane more than its range divided by the stride; PSMNet halves its planes twice."""
    net = build_model(model).net
    assert equal_ranges(net, asked) == expected
    assert net.planes(expected[0]) == net.planes(expected[1]) == net.planes(asked)
    assert net.planes(expected[0] - 1) < net.planes(asked) < net.planes(expected[1] + 1)


def test_no_features(files: Any) -> None:
    exported = load_model(files("onnx"))
    with pytest.raises(UserError, match="no features"):
        exported.features(exported.prepare(*pair(64, 96))[0])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_file(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UserError, match=rf"nothing\{suffix}: no such file"):
        load_model(tmp_path / f"nothing{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_file_of_something_else(tmp_path: Path, files: Any, suffix: str) -> None:
    path = tmp_path / f"text{suffix}"
    path.write_text("not a graph")
    with pytest.raises(FormatError, match=rf"text\{suffix}: not a readable"):
        load_model(path)


def test_load_model_pt2_runs_nothing_of_the_file(
    network: Any, files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pickles and its graph are not even looked at; its tensors and its description are."""
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile(files("torch_export")) as good, zipfile.ZipFile("bad.pt2", "w") as bad:
        for entry in good.infolist():
            data = good.read(entry)
            if entry.filename.endswith(("sample_inputs/model.pt", "models/model.json")):
                data = b"cos\nsystem\n(S'touch canary'\ntR."
            bad.writestr(entry.filename, data)
    left, right = pair(70, 131)
    found = load_model("bad.pt2").predict(left, right, RANGE)
    np.testing.assert_allclose(found, network.predict(left, right, RANGE), atol=1e-4)
    assert not Path("canary").exists()


@pytest.mark.parametrize("change", ["pickled", "short", "gone", "type"])
def test_load_model_pt2_with_broken_tensors_is_one_line(files: Any, tmp_path: Path, change: str) -> None:
    with zipfile.ZipFile(files("torch_export")) as good, zipfile.ZipFile(tmp_path / "bad.pt2", "w") as bad:
        for entry in good.infolist():
            data = good.read(entry)
            if entry.filename.endswith("model_weights_config.json"):
                listed = json.loads(data)
                first = next(iter(listed["config"].values()))
                first["use_pickle"] = change == "pickled"
                first["path_name"] = "nothing" if change == "gone" else first["path_name"]
                first["tensor_meta"]["dtype"] = 99 if change == "type" else 7
                data = json.dumps(listed).encode()
            if change == "short" and entry.filename.endswith("weight_0"):
                data = data[:-4]
            bad.writestr(entry.filename, data)
    with pytest.raises(FormatError, match=r"bad\.pt2: not a readable torch.export file"):
        load_model(tmp_path / "bad.pt2")


def test_export_name_with_dots_is_kept(network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dsmnet.export.write.capture", lambda *_: None)  # what is written does not matter
    monkeypatch.setattr("torch.export.save", lambda _, path, **__: path.write_bytes(b""))
    one, two = (export(network, tmp_path / name, "torch_export", RANGE) for name in ("m.v1.0", "m.v1.1.pt2"))
    assert (one.name, two.name) == ("m.v1.0.pt2", "m.v1.1.pt2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.v1.0.pt2", "m.v1.1.pt2"]


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_graph_of_another_program(tmp_path: Path, backend: str) -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info
    ends = value("x", onnx.TensorProto.FLOAT, [1]), value("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [ends[0]], [ends[1]])
    opsets = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "other.onnx")
    with pytest.raises(FormatError, match="holds no description by dsmnet"):
        load_model(tmp_path / "other.onnx", backend=backend)


def test_backends_and_devices_that_cannot_be(network: Any, files: Any, checkpoint: Path) -> None:
    for options, message in (
        ({"path": files("onnx"), "backend": "torch"}, "small.onnx runs with onnxruntime or openvino or "),
        ({"path": files("onnx"), "device": "cuda"}, "device=cuda: checkpoint=.*small.onnx runs on the CPU"),
        ({"path": checkpoint, "device": "cuda", "backend": "openvino"}, "backend=openvino runs on the CPU"),
        ({"backend": "tensorrt"}, "backend=tensorrt: expected auto, torch, onnxruntime, openvino, openv"),
    ):
        with pytest.raises(UserError, match=message):
            load_model(**options)
    with pytest.raises(UserError, match="format=caffe: expected onnx, openvino or torch_export"):
        export(network, Path("x"), "caffe", RANGE)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_package_that_is_missing(checkpoint: Path, monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.setitem(sys.modules, backend, None)
    with pytest.raises(UserError, match=rf"backend={backend} needs {backend}.*install 'dsmnet\[export\]'"):
        load_model(checkpoint, backend=backend)


def test_export_without_onnxscript(network: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UserError, match=r"format=onnx needs onnxscript.*pip install 'dsmnet\[export\]'"):
        export(network, tmp_path / "x", "onnx", RANGE)


@pytest.fixture
def exports(files: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Exports on demand, none of which takes time: the files of `files` are copied."""
    made: list[Path] = []

    def copy(_: Any, path: Path, format: str, __: int) -> Path:
        path.write_bytes(files(format).read_bytes())
        made.append(path)
        return path

    monkeypatch.setattr("dsmnet.export.on_demand.export", copy)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return made


def on_demand(network: Any) -> StereoPredictor:
    net: Any = OnDemandNet(network, "onnxruntime")
    return StereoPredictor(net, network.config)


def test_on_demand_exports_once(network: Any, checkpoint: Path, exports: list[Path]) -> None:
    left, right = pair(64, 96)
    quick = load_model(checkpoint, backend="onnxruntime")
    found = quick.predict(left, right, RANGE)
    assert np.abs(found - network.predict(left, right, RANGE)).mean() < 1e-3
    (kept,) = exports
    assert kept.with_name(kept.name + ".json").is_file()  # its checksum
    again = load_model(checkpoint, backend="onnxruntime")
    np.testing.assert_array_equal(again.predict(left, right, RANGE), found)
    assert len(exports) == 1
    assert sum(p.numel() for p in again.parameters()) == sum(p.numel() for p in network.parameters())


def test_on_demand_file_that_is_not_the_one_written_is_made_again(network: Any, exports: list[Path]) -> None:
    onnx = pytest.importorskip("onnx")
    left, right = pair(64, 96)
    expected = on_demand(network).predict(left, right, RANGE)
    kept = exports[0]
    other = onnx.load(kept)
    for tensor in other.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            tensor.raw_data = (onnx.numpy_helper.to_array(tensor) * np.float32(1.5)).tobytes()
    for content in (other.SerializeToString(), kept.read_bytes()[:5000]):
        kept.write_bytes(content)
        np.testing.assert_array_equal(on_demand(network).predict(left, right, RANGE), expected)
    assert len(exports) == 3


def test_on_demand_cache_that_cannot_be_written_is_replaced(
    network: Any, exports: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "dsmnet").write_text("a file in the place of the folder")
    quick = on_demand(network)
    assert np.isfinite(quick.predict(*pair(64, 96), RANGE)).all()
    quick.net._load(RANGE // 2)  # for another range
    assert len(exports) == 2
    assert caplog.text.count("exports are kept for this run alone") == 1
