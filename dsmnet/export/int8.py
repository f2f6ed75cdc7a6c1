"""Convolutions of an ONNX file in 8 bits, scaled by what they see on procedural pairs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dsmnet.export.runtimes import need
from dsmnet.inference.predictor import StereoPredictor
from dsmnet.synthetic import SyntheticStereo

_EXACT = ("refinement.", "motion.", "flow_head.")  # parts that see a disparity or change it
_PAIRS = 12
_FIRST = 1000  # index of the first pair: not those that the file is compared on


def quantize(path: Path, predictor: StereoPredictor, size: tuple[int, int]) -> None:
    """Rewrite a .onnx of a network: weights and inputs of convolutions int8, a scale per output channel.

    The refinement stays in float32, and in an iterative network what sees the disparity and changes it: with
    256 levels for a disparity, a pixel is lost. So does what is no convolution: norms, correlation, graph
    filters and the soft-argmax.

    Args:
        path: File that `export` wrote.
        predictor: Network of the file.
        size: Height and width of the pairs to calibrate with, which the file takes.

    Raises:
        UserError: ONNX Runtime is not installed.
    """
    onnx, quantization = (need(name, "precision=int8") for name in ("onnx", "onnxruntime.quantization"))
    graph = onnx.load(path)
    convolutions = [node for node in graph.graph.node if node.op_type == "Conv"]
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it recommends a preparation that changes nothing here
    try:
        quantization.quantize_static(
            path,
            path,
            _Calibration(_inputs(predictor, size)),
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=[node.name for node in convolutions if any(p in node.input[1] for p in _EXACT)],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
    finally:
        logging.disable(disabled)
    quantized = onnx.load(path)
    kept = {entry.key for entry in quantized.metadata_props}
    quantized.metadata_props.extend(entry for entry in graph.metadata_props if entry.key not in kept)
    onnx.save(quantized, path)


class _Calibration:
    """An iterator as ONNX Runtime asks for it."""

    def __init__(self, inputs: Iterator[dict[str, Any]]) -> None:
        self.inputs = inputs

    def get_next(self) -> dict[str, Any] | None:
        return next(self.inputs, None)


def _inputs(predictor: StereoPredictor, size: tuple[int, int]) -> Iterator[dict[str, Any]]:
    pairs = SyntheticStereo(size=size, largest_disparity=min(96, size[1] // 2))
    for index in range(_FIRST, _FIRST + _PAIRS):
        views, _ = predictor.prepare(pairs[index]["left"], pairs[index]["right"])
        left, right = views.contiguous().split(1)
        yield {"left": left.numpy(), "right": right.numpy()}
