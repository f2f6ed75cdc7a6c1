"""An ONNX file of one size holds what TensorRT takes: its operators, types, constants and shapes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet import load_model
from dsmnet.errors import UserError
from dsmnet.export import export
from dsmnet.export.image_graph import take_images
from dsmnet.inference import StereoPredictor

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

LINES = (Path(__file__).parent / "tensorrt_operators.txt").read_text("utf-8").splitlines()[1:]
OPERATORS = {
    name: set(types.split())
    for types, names in (line.split(": ") for line in LINES)
    for name in names.split()
}
OPSETS = range(9, 21)
TYPES = {1: "FP32", 2: "UINT8", 6: "INT32", 7: "INT64", 9: "BOOL", 10: "FP16", 11: "FP64"}
CONSTANT = {"Slice": 3, "Pad": 3, "CumSum": 1, "Squeeze": 1, "Unsqueeze": 1}  # inputs that are to be known
CONSTANT |= {f"Reduce{kind}": 1 for kind in ("L1", "L2", "Max", "Mean", "Min", "Prod", "Sum")}
RESIZE = {"mode": {b"nearest", b"linear"}, "coordinate_transformation_mode": {b"half_pixel", b"asymmetric"}}


def objections(model: Any) -> list[str]:
    """Return what TensorRT's table of operators says against a file."""
    found = [f"opset {entry}" for entry in model.opset_import if entry.domain or entry.version not in OPSETS]
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    return found + list(_of_graph(inferred.graph, {}, set()))


def _of_graph(graph: Any, outer: dict[str, Any], outer_constants: set[str]) -> Iterator[str]:
    constants = outer_constants | {entry.name for entry in graph.initializer}
    known = outer | {entry.name: (TYPES[entry.data_type], entry.dims) for entry in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        tensor = value.type.tensor_type
        dims = [dim.dim_value for dim in tensor.shape.dim] if tensor.HasField("shape") else [0]
        known[value.name] = (TYPES[tensor.elem_type], dims)
    for node in graph.node:
        what = f"{node.op_type} {node.name}"
        attributes = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
        constants |= set(node.output) if node.op_type == "Constant" else set()
        if node.op_type not in OPERATORS:
            yield f"{what}: unknown"
        elif node.input and known[node.input[0]][0] not in OPERATORS[node.op_type]:
            yield f"{what}: of {known[node.input[0]][0]}"
        if any(0 in known.get(name, ("", [0]))[1] for name in node.output):
            yield f"{what}: no shape"
        place = CONSTANT.get(node.op_type, len(node.input))
        if place < len(node.input) and node.input[place] and node.input[place] not in constants:
            yield f"{what}: axes are no constant"
        if node.op_type == "GridSample" and len(known[node.input[0]][1]) != 4:
            yield f"{what}: not of 4 axes"
        if node.op_type == "AveragePool" and set(attributes.get("dilations", [1])) != {1}:
            yield f"{what}: dilated"
        if node.op_type == "Resize" and any(attributes[name] not in RESIZE[name] for name in RESIZE):
            yield f"{what}: {attributes}"
        for value in attributes.values():
            if isinstance(value, onnx.GraphProto):
                yield from _of_graph(value, known, constants)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("y = Abs(x)", []),
        ("y = Bernoulli(x)", ["Bernoulli : unknown"]),
        ("i = Cast<to=7>(x) j = Clip(i) y = Cast<to=1>(j)", ["Clip : of INT64"]),
        ("a = NonZero(x) y = Abs(x)", ["NonZero : no shape"]),
    ],
)
def test_objections_name_what_does_not_fit(body: str, expected: list[str]) -> None:
    text = f'<ir_version: 8, opset_import: ["": 18]> g (float[2,2,3,3] x) => (float[N,M,H,W] y) {{ {body} }}'
    assert objections(onnx.parser.parse_model(text)) == expected


@pytest.fixture(scope="module")
def network() -> StereoPredictor:
    return load_model(device="cpu")


@pytest.fixture(scope="module")
def file(network: StereoPredictor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(network, tmp_path_factory.mktemp("fixed") / "lite", "onnx", 64, size=(90, 150))


def test_shipped_network_of_one_size_meets_no_objection(file: Path) -> None:
    assert objections(onnx.load(file)) == []


def test_file_of_one_size_that_takes_images_meets_no_objection(
    file: Path, network: StereoPredictor, tmp_path: Path
) -> None:
    copied = Path(shutil.copy(file, tmp_path))
    take_images(copied, network.net, load_model(file).net.runtime.metadata, (90, 150))
    assert objections(onnx.load(copied)) == []


def test_file_of_one_size_takes_images_up_to_it(file: Path, network: StereoPredictor) -> None:
    pytest.importorskip("onnxruntime")
    exported = load_model(file)
    left, right = np.random.default_rng(0).integers(0, 256, (2, 90, 150, 3), np.uint8)
    assert np.abs(exported.predict(left, right) - network.predict(left, right, 64)).mean() < 1e-3
    assert exported.predict(left[:70, :99], right[:70, :99]).shape == (70, 99)
    wide = np.tile(left, (1, 2, 1))
    with pytest.raises(UserError, match=r"exported for images of 96x160 at most; export it again with"):
        exported.predict(wide, wide)


@pytest.mark.parametrize("size", [[384], [0, 384], "384x1248", [384.0, 1248.0], 384])
def test_impossible_size_is_refused(size: Any, network: StereoPredictor, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="size="):
        export(network, tmp_path / "lite", "onnx", 64, size=size)
