"""Convolutions of an ONNX file in float16, for GPUs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dsmnet.export.runtimes import need

_CONVOLUTIONS = ("Conv", "ConvTranspose")
_RECTIFIERS = ("Relu", "LeakyRelu")  # stay in the type of the convolution before them


def halve(path: Path) -> None:
    """Rewrite a .onnx of a network: convolutions with their weights, and rectifiers after them, in float16.

    The refinement stays in float32, for float16 has steps of 1/8 px from 128 px on. So does what may overflow
    or add up many terms: norms, correlation, graph filters and the soft-argmax. Inputs and outputs stay too.

    Raises:
        UserError: The package onnx is not installed.
    """
    onnx = need("onnx", "precision=float16")
    model = onnx.load(path)
    graph, half = model.graph, set()
    weights = {entry.name: entry for entry in graph.initializer}
    halved: dict[str, str] = {}  # names in float32 -> in float16
    nodes: list[Any] = []
    for node in graph.node:
        convolves = node.op_type in _CONVOLUTIONS and "refinement." not in node.input[1]
        if not convolves and not (node.op_type in _RECTIFIERS and node.input[0] in half):
            nodes.append(node)
            continue
        for place, name in enumerate(node.input):
            if name and name not in halved:
                halved[name] = f"{name}.float16"
                if name in weights:
                    array = onnx.numpy_helper.to_array(weights[name]).astype("float16")
                    graph.initializer.append(onnx.numpy_helper.from_array(array, halved[name]))
                else:
                    nodes.append(_cast(onnx, name, halved[name], onnx.TensorProto.FLOAT16))
            node.input[place] = halved.get(name, "")
        (name,) = node.output
        half.add(name)
        node.output[0] = halved[name] = f"{name}.float16"
        nodes += [node, _cast(onnx, halved[name], name, onnx.TensorProto.FLOAT)]
    del graph.node[:]
    graph.node.extend(nodes)
    need("onnxscript.optimizer", "precision=float16").remove_unused_nodes(model)  # casts, weights in float32
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _cast(onnx: Any, name: str, result: str, to: int) -> Any:
    return onnx.helper.make_node("Cast", [name], [result], f"cast_{result}", to=to)
