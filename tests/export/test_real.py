"""The shipped weights, exported, on real pairs of three sizes: within 0.05 px of torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dsmnet import load_model
from dsmnet.io import read_image

PAIRS = {
    "kitti2015": ("KITTI_2015/training/image_2/*_10.png", "image_2", "image_3"),
    "eth3d": ("ETH3D/two_view_training/*/im0.png", "im0", "im1"),
    "middlebury2006": ("Middlebury_2006/ThirdSize/*/view1.png", "view1", "view5"),
}


@pytest.mark.real_data
def test_equals_torch_on_real_pairs(real_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("openvino")
    pytest.importorskip("onnxruntime")
    from dsmnet.export import export

    pairs = []
    for pattern, left, right in PAIRS.values():
        found = sorted(real_data.glob(pattern))
        if found:
            pairs.append((read_image(found[0]), read_image(str(found[0]).replace(left, right))))
    if not pairs:
        pytest.skip("no pair of KITTI 2015, ETH3D or Middlebury 2006 under DSMNET_DATA")
    network = load_model(device="cpu")
    files = [export(network, tmp_path / "lite", format, 192) for format in ("onnx", "openvino")]
    exported = [load_model(file) for file in files]
    for left, right in pairs:
        expected = network.predict(left, right, 192)
        for predictor in exported:
            assert np.abs(predictor.predict(left, right, 192) - expected).mean() < 0.05
