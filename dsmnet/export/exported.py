"""An exported file in the place of a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dsmnet.errors import FormatError, UserError
from dsmnet.export.graph_metadata import UNBOUNDED
from dsmnet.export.runtimes import (
    Runtime,
    open_bf16,
    open_onnxruntime,
    open_openvino,
    open_torch_export,
    rebuilt_runtime,
)
from dsmnet.export.torch_archive import read_torch_archive
from dsmnet.inference.predictor import StereoPredictor
from dsmnet.models.checkpoint import Checkpoint, check_exists, reason

BACKENDS = ("torch", "onnxruntime", "openvino", "openvino_bf16")

# By suffix, what can run the file; the first does if nothing is said.
SUFFIXES: dict[str, dict[str, Callable[[Path], Runtime]]] = {
    ".onnx": {"onnxruntime": open_onnxruntime, "openvino": open_openvino, "openvino_bf16": open_bf16},
    ".xml": {"openvino": open_openvino, "openvino_bf16": open_bf16},
    ".pt2": {"torch": open_torch_export},
}


class ExportedNet(nn.Module):
    """An exported file, called `source` in messages, with what `StereoPredictor` asks of a network."""

    def __init__(self, runtime: Runtime, normalize: nn.Module, source: str) -> None:
        super().__init__()
        takes_images = runtime.metadata.images == "uint8"
        self.runtime, self.source, self.takes_images = runtime, source, takes_images
        self.normalize = nn.Identity() if takes_images else normalize
        self.divisor, self.smallest = runtime.metadata.divisor, runtime.metadata.smallest
        self.max_disparity = runtime.metadata.max_disparity
        self.has_range = runtime.metadata.ranges[1] < UNBOUNDED
        self.nothing = nn.Parameter(torch.empty(0), requires_grad=False)  # says where it runs: on the CPU

    def forward(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> list[Tensor]:
        """Views [1, 3, H, W], normalised as the file wants it -> [disparity [1, 1, H, W]] in pixels."""
        metadata = self.runtime.metadata
        if max_disparity is not None and not metadata.ranges[0] <= max_disparity <= metadata.ranges[1]:
            raise UserError(
                f"checkpoint={self.source}: exported with max_disparity={metadata.max_disparity}, asked for "
                f"{max_disparity}; export it again with max_disparity={max_disparity}, or predict with "
                f"max_disparity={metadata.max_disparity}"
            )
        if metadata.fixed and left.shape[-2:] != metadata.smallest:
            raise UserError(
                f"checkpoint={self.source}: exported for images of {metadata.smallest[0]}x"
                f"{metadata.smallest[1]} at most; export it again with a larger size, or with size=null"
            )
        views = [left.detach(), right.detach()]
        if self.takes_images:
            views = [(v * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1) for v in views]
        try:
            disparity = self.runtime.run(*(np.ascontiguousarray(view.numpy()) for view in views))
        except Exception as error:  # the errors of the runtimes have no common class
            raise FormatError(f"checkpoint={self.source}: the graph does not run ({reason(error)})") from None
        channels = () if self.takes_images else (1,)
        if disparity.dtype != np.float32 or disparity.shape != (1, *channels, *left.shape[-2:]):
            raise FormatError(
                f"checkpoint={self.source}: gives {disparity.dtype} {disparity.shape} for views of "
                f"{tuple(left.shape[-2:])}, which is no disparity"
            )
        return [torch.from_numpy(disparity).view(1, 1, *left.shape[-2:])]

    def features(self, image: Tensor) -> Tensor:
        """Refuse: a graph has no inside."""
        raise UserError(f"checkpoint={self.source}: an exported file gives disparities alone, no features")


def load_exported(
    path: Path,
    build_normalize: Callable[[Mapping[str, Any]], nn.Module],
    build_network: Callable[[Checkpoint, str], StereoPredictor],
    backend: str = "auto",
    own: bool = False,
) -> StereoPredictor:
    """Load a file that `export` wrote.

    Args:
        path: File whose suffix is among `SUFFIXES`.
        build_normalize: Builds the normalisation of a network's configuration.
        build_network: Builds the network of a .pt2, whose graph would run what is in the file.
        backend: One of `BACKENDS`, or ``auto``.
        own: Whether to run the graph of a .pt2 itself; for a file that this program has just written.

    Raises:
        UserError: No such file, of another program, or a backend that does not run it or is not installed.
    """
    check_exists(path)
    able = SUFFIXES[path.suffix]
    if backend not in ("auto", *able):
        raise UserError(f"backend={backend}: {path.name} runs with {' or '.join(able)}")
    if path.suffix == ".pt2" and not own:
        found, metadata = read_torch_archive(path)
        runtime = rebuilt_runtime(build_network(found, f"checkpoint={path}").net, metadata)
    else:
        runtime = able[next(iter(able)) if backend == "auto" else backend](path)
    config = runtime.metadata.config
    net: Any = ExportedNet(runtime, build_normalize(config), str(path))
    return StereoPredictor(net, config, widens=False)  # the search range is part of the graph
