"""The shipped weights, exported, on a real pair: within 0.05 px of torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dsmnet import load_model
from dsmnet.export import export
from dsmnet.export.graph_metadata import GraphMetadata
from dsmnet.export.image_graph import take_images
from dsmnet.io import read_image


@pytest.mark.real_data
def test_equals_torch_on_a_real_pair(real_data: Path, tmp_path: Path) -> None:
    for package in ("onnxscript", "openvino", "onnxruntime"):
        pytest.importorskip(package)
    scene = real_data / "MiddEval3" / "trainingQ" / "Teddy"
    if not scene.is_dir():
        pytest.skip("no MiddEval3/trainingQ/Teddy under DSMNET_DATA")
    left, right = read_image(scene / "im0.png"), read_image(scene / "im1.png")
    network = load_model(device="cpu")
    file = export(network, tmp_path / "lite", "onnx", 64)
    expected = network.predict(left, right, 64)
    for backend in ("onnxruntime", "openvino"):
        found = load_model(file, backend=backend).predict(left, right, 64)
        assert np.abs(found - expected).mean() < 0.05
    metadata = GraphMetadata(64, (64, 64), 1, (1, 1), network.config, images="uint8")
    take_images(file, network.net, metadata, None)
    assert np.abs(load_model(file).predict(left, right, 64) - expected).mean() < 0.001
