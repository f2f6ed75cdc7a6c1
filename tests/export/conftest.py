"""A small network and its files."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from dsmnet import build_model
from dsmnet.export.capture import capture
from dsmnet.models.checkpoint import save_weights

RANGE = 32  # pixels


@pytest.fixture(scope="session")
def network() -> Any:
    """The parts of the weights that ship, as few of each as there can be: exporting takes time per operation.

    Its norm is tried in `test_onnx_filters`. Weights are there where a fresh network has zeros.
    """
    torch.manual_seed(0)
    options = ["model.graph_filter=true", "model/aggregation=semi_global_half", "model.aggregation.passes=1"]
    options += ["model.widths=[8,8,8]", "model.refine_blocks=[0,0]", "model.refine_radius=[1,1]"]
    net = build_model("tiny", "batch", options).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            if not parameter.any():
                parameter.normal_(std=0.05)
    return net


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
    from dsmnet.export import export, write

    folder, made = tmp_path_factory.mktemp("exported"), {}
    program = functools.cache(lambda: capture(network, RANGE))

    def get(format: str) -> Path:
        if format not in made:
            with pytest.MonkeyPatch.context() as patch:  # the steps that formats share are taken once
                patch.setattr(write, "capture", lambda *_: program())
                if format == "openvino":
                    onnx = get("onnx")
                    patch.setattr(write, "_write_onnx", lambda _, path, __: shutil.copy(onnx, path))
                made[format] = export(network, folder / "small", format, RANGE)
        return made[format]

    return get


@pytest.fixture(scope="session")
def image_files(network: Any, files: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Path of the network as a file that takes images, in a precision."""
    from dsmnet.export import export, write

    folder = tmp_path_factory.mktemp("images")

    @functools.cache
    def get(precision: str) -> Path:
        source = files("onnx")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(write, "capture", lambda *_: None)
            copy = (".onnx", lambda _, path, __: shutil.copy(source, path))
            patch.setitem(write.FORMATS, "onnx", copy)
            return export(network, folder / precision, "onnx", RANGE, None, precision, "uint8")

    return get
