"""An ONNX file that takes images as they come: normalisation and padding are part of its graph."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from dsmnet.export.capture import LARGEST
from dsmnet.export.graph_metadata import KEY, GraphMetadata
from dsmnet.export.runtimes import need
from dsmnet.models.stereo_net import StereoNet

# As `Padding` does it: border values above and on the right, and later off again.
_FRAME = """<ir_version: {ir}, opset_import: ["": {opset}]>
frame (float[2,3,H,W] normalized, float[1,1,P,Q] network_disparity) => (float[1,H,W] disparity)
<int64[2] least = {{{least}}}, int64[2] below = {{{below}, {below}}}, int64[1] none = {{0}},
 int64[2] divisor = {{{divisor}, {divisor}}}, int64[8] places = {{2, 2, 0, 2, 2, 2, 2, 1}},
 int64[2] first = {{0, 2}}, int64[2] last = {{0, 3}},
 int64[2] axes = {{2, 3}}, int64[1] channel = {{1}}, float low = {{{low}}}>
{{
    size = Shape <start = 2> (normalized)
    larger = Max (size, least)
    rounded = Add (larger, below)
    steps = Div (rounded, divisor)
    full = Mul (steps, divisor)
    added = Sub (full, size)
    added_or_none = Concat <axis = 0> (added, none)
    pads = Gather (added_or_none, places)
    padded = Pad <mode = "edge"> (normalized, pads)
    network_left, network_right = Split <num_outputs = 2> (padded)
    positive = Max (network_disparity, low)
    start = Gather (added_or_none, first)
    sizes = Concat <axis = 0> (full, size)
    stop = Gather (sizes, last)
    cut = Slice (positive, start, stop, axes)
    disparity = Squeeze (cut, channel)
}}"""
_AFTER = 6  # of these nodes, how many follow the network


class _Normalize(nn.Module):
    """Two images uint8 [1, H, W, 3], RGB -> normalised views, float32 [2, 3, H, W]."""

    def __init__(self, normalize: nn.Module) -> None:
        super().__init__()
        self.normalize = normalize

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        pair = torch.cat([left.float(), right.float()]).permute(0, 3, 1, 2) / 255
        views: Tensor = self.normalize(pair)
        return views


def take_images(path: Path, net: StereoNet, metadata: GraphMetadata, size: tuple[int, int] | None) -> None:
    """Rewrite a .onnx of a network: images uint8 [1, H, W, 3], RGB -> disparity float32 [1, H, W], pixels.

    Args:
        path: File that takes normalised, padded views.
        net: Network of the file.
        metadata: Metadata of the new file.
        size: Height and width of the images; None: any.

    Raises:
        UserError: The package onnx is not installed.
    """
    onnx = need("onnx", "images=uint8")
    model = onnx.compose.add_prefix(onnx.load(path), "network_")
    opset = model.opset_import[0].version
    before = _normalization(onnx, net.normalize, opset, size)
    low = 0.0 if net.has_range else -1e30  # of a network without a range nothing is cut off
    least, divisor = ", ".join(map(str, net.smallest)), net.divisor
    numbers = {"least": least, "below": divisor - 1, "divisor": divisor, "low": low}
    text = _FRAME.format(ir=model.ir_version, opset=opset, **numbers)
    frame, graph = onnx.parser.parse_model(text).graph, model.graph
    nodes = [*before.node, *frame.node[:-_AFTER], *graph.node, *frame.node[-_AFTER:]]
    height, width = size or ("height", "width")
    value, types = onnx.helper.make_tensor_value_info, onnx.TensorProto
    inputs = [value(name, types.UINT8, [1, height, width, 3]) for name in ("left", "right")]
    outputs = [value("disparity", types.FLOAT, [1, height, width])]
    for field, entries in ((graph.node, nodes), (graph.input, inputs), (graph.output, outputs)):
        del field[:]
        field.extend(entries)
    graph.initializer.extend([*before.initializer, *frame.initializer])
    onnx.helper.set_model_props(model, {KEY: metadata.to_json()})
    if size is not None:  # TensorRT and OpenCV like sizes that are numbers
        optimizer: Any = need("onnxscript.optimizer", "images=uint8")
        optimizer.fold_constants(model, onnx_shape_inference=True)
        optimizer.remove_unused_nodes(model)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _normalization(onnx: Any, normalize: nn.Module, opset: int, size: tuple[int, int] | None) -> Any:
    """Return the graph of `_Normalize`."""
    height, width = size or (96, 160)
    images = torch.zeros(2, 1, height, width, 3, dtype=torch.uint8)
    any_size = {1: Dim("height", max=LARGEST), 2: Dim("width", max=LARGEST)}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "normalize.onnx"
        torch.onnx.export(
            _Normalize(normalize).eval(),
            (images[0], images[1]),
            file,
            dynamo=True,
            verbose=False,
            opset_version=opset,
            input_names=("left", "right"),
            output_names=("normalized",),
            dynamic_shapes=None if size else (any_size, any_size),
        )
        return onnx.load(file).graph
