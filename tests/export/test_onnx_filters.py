"""The loops that are written for SGA and SGF, and DomainNorm, at sizes other than that of the export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from dsmnet.layers import DomainNorm
from dsmnet.ops import sga_directions, sgf

pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")
openvino = pytest.importorskip("openvino")


class Sga(nn.Module):
    def forward(self, x: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return sga_directions(x, weights)


class Sgf(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = DomainNorm(3)

    def forward(self, x: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return sgf(x, weights), self.norm(x)


@pytest.fixture(scope="module", params=[(Sga(), (2, 3, 5)), (Sgf(), (2, 3))], ids=["sga", "sgf"])
def filter_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from dsmnet.export.onnx_filters import translation_table

    module, front = request.param
    last = len(front)
    dims = {0: Dim("h", min=2), 1: Dim("w", min=2)}
    shapes = ({last + k: dims[k] for k in dims}, {3 + k: dims[k] for k in dims})
    program = torch.onnx.export(
        module.eval(),
        inputs(front, 5, 7),
        dynamo=True,
        dynamic_shapes=shapes,
        input_names=["x", "weights"],
        custom_translation_table=translation_table(),
        verbose=False,
    )
    assert program is not None
    path = tmp_path_factory.mktemp("filter") / "filter.onnx"
    program.save(path)
    return module, front, path


def inputs(front: tuple[int, ...], height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(height)
    weights = 4 * torch.randn(front[0], 4, 5, height, width, generator=generator)
    return torch.randn(*front, height, width, generator=generator), weights.softmax(2)


def run_onnxruntime(path: Path, x: Any, weights: Any) -> list[Any]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x, "weights": weights})


def run_openvino(path: Path, x: Any, weights: Any) -> list[Any]:
    """With the shapes known, as predictions run it: its loops are not those of free shapes."""
    model = openvino.Core().read_model(path)
    model.reshape({"x": x.shape, "weights": weights.shape})
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    return list(compiled({"x": x, "weights": weights}).values())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("size", [(5, 7), (9, 4), (2, 2), (40, 61)])
@pytest.mark.parametrize("run", [run_onnxruntime, run_openvino])
def test_equals_torch(filter_file: Any, size: tuple[int, int], run: Any) -> None:
    module, front, path = filter_file
    x, weights = inputs(front, *size)
    expected = module(x, weights)
    found = run(path, x.numpy(), weights.numpy())
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(torch.from_numpy(a), b, rtol=1e-4, atol=1e-5)
