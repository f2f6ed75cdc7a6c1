"""Runtimes of exported files, all on the CPU with torch's number of threads."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dsmnet.errors import FormatError, UserError
from dsmnet.export.graph_metadata import KEY, GraphMetadata
from dsmnet.inference.precision import warn_if_emulated
from dsmnet.models.checkpoint import reason

Array = NDArray[np.float32]
_SIZES = 4  # compiled graphs that are kept, one per size of image


def need(name: str, purpose: str) -> ModuleType:
    """Import a package of the extra `export`; a `UserError` where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f"{purpose} needs {name}, which cannot be imported ({error}): pip install 'dsmnet[export]'"
        ) from None


@dataclass(frozen=True)
class Runtime:
    """A file ready to run: normalised, padded views [1, 3, H, W] -> disparity [1, 1, H, W].

    One with ``metadata.images="uint8"``: images [1, H, W, 3] -> disparity [1, H, W].
    """

    metadata: GraphMetadata
    run: Callable[[NDArray[Any], NDArray[Any]], Array]


def open_onnxruntime(path: Path) -> Runtime:
    """Open a .onnx with ONNX Runtime."""
    runtime = need("onnxruntime", "backend=onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    try:
        session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class
        raise _unreadable(path, "ONNX", error) from None

    def run(left: Array, right: Array) -> Array:
        result: Array = session.run(None, {"left": left, "right": right})[0]
        return result

    text = session.get_modelmeta().custom_metadata_map.get(KEY)
    return Runtime(GraphMetadata.from_json(text, str(path)), run)


def open_openvino(path: Path, precision: str = "f32") -> Runtime:
    """Open a .xml or .onnx with OpenVINO; ``bf16`` are convolutions in half precision where there are such.

    A graph is compiled for each size of image, once: with its shapes known it is faster, and planned in less
    memory.
    """
    core = need("openvino", "backend=openvino").Core()
    if precision == "bf16":
        warn_if_emulated("backend=openvino_bf16", torch.bfloat16, "OpenVINO computes in float32")
    try:
        model: Any = core.read_model(path)
    except RuntimeError as error:
        raise _unreadable(path, "OpenVINO", error) from None

    @functools.lru_cache(_SIZES)
    def compiled(shape: tuple[int, ...]) -> Any:
        sized = model.clone()
        sized.reshape({"left": shape, "right": shape})
        settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        return core.compile_model(sized, "CPU", settings).create_infer_request()

    def run(left: Array, right: Array) -> Array:
        request = compiled(left.shape)
        request.infer({"left": left, "right": right})
        return np.array(request.get_output_tensor().data)

    # Our entry is at the top in a .xml, among the framework's in a model read from .onnx.
    places = [place for place in ([KEY], ["framework", KEY]) if model.has_rt_info(place)]
    text = str(model.get_rt_info(places[0]).value) if places else None
    return Runtime(GraphMetadata.from_json(text, str(path)), run)


open_bf16 = functools.partial(open_openvino, precision="bf16")


def rebuilt_runtime(net: nn.Module, metadata: GraphMetadata) -> Runtime:
    """The network of a .pt2, built again in torch from the tensors and the description in the file."""
    net.eval()
    return Runtime(metadata, _in_torch(lambda left, right: net(left, right, metadata.max_disparity)[-1]))


def open_torch_export(path: Path) -> Runtime:
    """Load a graph of torch.export, which runs what is in the file: for one's own alone."""
    from dsmnet import ops  # noqa: F401  the graph names its operators

    extra = {KEY: ""}
    try:
        program = torch.export.load(path, extra_files=extra)
    except Exception as error:  # zip, JSON or a graph: each complains in its own way
        raise _unreadable(path, "torch.export", error) from None
    return Runtime(GraphMetadata.from_json(extra[KEY], str(path)), _in_torch(program.module()))


def _in_torch(graph: Callable[..., torch.Tensor]) -> Callable[[Array, Array], Array]:
    """Return a graph of tensors as one of arrays."""

    def run(left: Array, right: Array) -> Array:
        with torch.inference_mode():
            result: Array = graph(torch.from_numpy(left), torch.from_numpy(right)).numpy()
        return result

    return run


def _unreadable(path: Path, kind: str, error: Exception) -> FormatError:
    return FormatError(f"checkpoint={path}: not a readable {kind} file ({reason(error)})")
