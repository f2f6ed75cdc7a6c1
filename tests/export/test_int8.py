"""Files with convolutions in int8: what is quantised, and how far the disparity may move."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet import load_model
from dsmnet.export import int8
from dsmnet.synthetic import SyntheticStereo

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def small_calibration() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(int8, "_PAIRS", 2)
        yield


@pytest.fixture(scope="module")
def quantized(
    files: Any, network: Any, tmp_path_factory: pytest.TempPathFactory, small_calibration: None
) -> Path:
    path = tmp_path_factory.mktemp("int8") / "small.onnx"
    shutil.copy(files("onnx"), path)
    int8.quantize(path, network, (64, 128))
    return path


def test_convolutions_but_those_of_the_refinement_are_int8(quantized: Path) -> None:
    model = onnx.load(quantized)
    types = {entry.name: entry.data_type for entry in model.graph.initializer}
    made = {output: node for node in model.graph.node for output in node.output}
    seen = {"refinement": 0, "others": 0}
    for node in model.graph.node:
        if node.op_type == "Conv":
            source = made.get(node.input[1])
            refines = "refinement." in node.input[1]
            seen["refinement" if refines else "others"] += 1
            assert refines == (source is None)
            if source is not None:
                assert source.op_type == "DequantizeLinear"
                assert types[source.input[0]] == onnx.TensorProto.INT8
                scales = next(entry for entry in model.graph.initializer if entry.name == source.input[1])
                assert len(scales.dims) == 1  # one per output channel
    assert min(seen.values()) > 3


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_prediction_in_int8_is_close_but_not_equal(quantized: Path, files: Any, backend: str) -> None:
    pair = SyntheticStereo(size=(96, 160), largest_disparity=24)[0]
    exact, rough = (
        load_model(path, backend=backend).predict(pair["left"], pair["right"])
        for path in (files("onnx"), quantized)
    )
    assert 0 < np.median(np.abs(rough - exact)) < 1
    assert quantized.stat().st_size < files("onnx").stat().st_size
