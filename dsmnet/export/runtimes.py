"""Runtimes of exported files: `run(left, right) -> disparity` on normalised, padded views [1, 3, H, W]."""

from __future__ import annotations

import functools
import importlib
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dsmnet.errors import FormatError, UserError
from dsmnet.export.graph_metadata import KEY, GraphMetadata
from dsmnet.models.checkpoint import reason

Array = NDArray[np.float32]
_SIZES = 4  # compiled graphs that are kept, one per size of image


def need(name: str, purpose: str) -> ModuleType:
    """Import a package of the extra `export`.

    Raises:
        UserError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f"{purpose} needs {name}, which cannot be imported ({error}): pip install 'dsmnet[export]'"
        ) from None


class Runtime(Protocol):
    """Runtime of one file."""

    metadata: GraphMetadata

    def run(self, left: Array, right: Array) -> Array:
        """Views [1, 3, H, W] -> disparity [1, 1, H, W]."""
        ...


class OnnxRuntime:
    """ONNX Runtime, on the CPU with torch's number of threads.

    Raises:
        UserError: It is not installed.
        FormatError: The file is not one of ours.
    """

    def __init__(self, path: Path) -> None:
        runtime = need("onnxruntime", "backend=onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors
        try:
            self._session: Any = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors have no common class
            raise _unreadable(path, "ONNX", error) from None
        meta = self._session.get_modelmeta().custom_metadata_map
        self.metadata = GraphMetadata.from_json(meta.get(KEY), str(path))

    def run(self, left: Array, right: Array) -> Array:
        """See `Runtime`."""
        result: Array = self._session.run(None, {"left": left, "right": right})[0]
        return result


class OpenVino:
    """OpenVINO, on the CPU with torch's number of threads.

    A graph is compiled for each size of image, once: with its shapes known it is faster, and planned in less
    memory.

    Args:
        path: File with the suffix .xml or .onnx.
        precision: ``f32``, or ``bf16``: convolutions in half precision, where the processor has it.

    Raises:
        UserError: It is not installed.
        FormatError: The file is not one of ours.
    """

    def __init__(self, path: Path, precision: str = "f32") -> None:
        openvino = need("openvino", "backend=openvino")
        self._core = openvino.Core()
        self._settings = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        try:
            self._model: Any = self._core.read_model(path)
        except RuntimeError as error:
            raise _unreadable(path, "OpenVINO", error) from None
        self._requests: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self.metadata = GraphMetadata.from_json(_rt_info(self._model), str(path))

    def run(self, left: Array, right: Array) -> Array:
        """See `Runtime`."""
        request = self._requests.pop(left.shape, None) or self._compile(left.shape)
        self._requests[left.shape] = request
        if len(self._requests) > _SIZES:
            self._requests.popitem(last=False)
        request.infer({"left": left, "right": right})
        return np.array(request.get_output_tensor().data)

    def _compile(self, shape: tuple[int, ...]) -> Any:
        model = self._model.clone()
        model.reshape({"left": shape, "right": shape})
        settings = {**self._settings, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        return self._core.compile_model(model, "CPU", settings).create_infer_request()


def _rt_info(model: Any) -> str | None:
    """Return our entry: at the top in a .xml, among the framework's in a model read from .onnx."""
    for place in ([KEY], ["framework", KEY]):
        if model.has_rt_info(place):
            return str(model.get_rt_info(place).value)
    return None


class Rebuilt:
    """The network of a .pt2, built again in torch from the tensors and the description in the file."""

    def __init__(self, net: nn.Module, metadata: GraphMetadata) -> None:
        self.metadata, self._net = metadata, net.eval()

    def run(self, left: Array, right: Array) -> Array:
        """See `Runtime`."""
        with torch.inference_mode():
            views = torch.from_numpy(left), torch.from_numpy(right)
            result: Array = self._net(*views, self.metadata.max_disparity)[-1].numpy()
        return result


class TorchExport:
    """A graph of torch.export, on the CPU. Loading it runs what is in the file: for one's own alone.

    Raises:
        FormatError: The file is not one of ours.
    """

    def __init__(self, path: Path) -> None:
        from dsmnet import ops  # noqa: F401  the graph names its operators

        extra = {KEY: ""}
        try:
            program = torch.export.load(path, extra_files=extra)
        except Exception as error:  # zip, JSON or a graph: each complains in its own way
            raise _unreadable(path, "torch.export", error) from None
        self.metadata = GraphMetadata.from_json(extra[KEY], str(path))
        self._graph = program.module()

    def run(self, left: Array, right: Array) -> Array:
        """See `Runtime`."""
        with torch.inference_mode():
            result: Array = self._graph(torch.from_numpy(left), torch.from_numpy(right)).numpy()
        return result


def _unreadable(path: Path, kind: str, error: Exception) -> FormatError:
    return FormatError(f"checkpoint={path}: not a readable {kind} file ({reason(error)})")


openvino_bf16 = functools.partial(OpenVino, precision="bf16")
