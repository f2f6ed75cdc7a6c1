"""A network that is exported for each search range it is asked with, and runs as the file."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from dsmnet.export.capture import equal_ranges
from dsmnet.export.exported import ExportedNet
from dsmnet.export.facts import VERSION
from dsmnet.export.packages import need
from dsmnet.export.runtimes import OnnxRuntime, OpenVino, Runtime, openvino_bf16
from dsmnet.export.write import FORMATS, export
from dsmnet.inference.predictor import StereoPredictor
from dsmnet.models.stereo_net import StereoNet

log = logging.getLogger(__name__)

# Of each backend: the format it runs, what runs it, and its package.
_BACKENDS: dict[str, tuple[str, Callable[[Path], Runtime], str]] = {
    "onnxruntime": ("onnx", OnnxRuntime, "onnxruntime"),
    "openvino": ("openvino", OpenVino, "openvino"),
    "openvino_bf16": ("openvino", openvino_bf16, "openvino"),
}


class OnDemandNet(nn.Module):
    """Has what `StereoPredictor` asks of a network, and answers by another backend.

    Files are kept from run to run, under the user's cache folder, by what the weights are.

    Args:
        predictor: the network, on the CPU.
        backend: ``onnxruntime``, ``openvino`` or ``openvino_bf16``.
        cache: folder of the files; default: ``$XDG_CACHE_HOME/dsmnet`` or ``~/.cache/dsmnet``.

    Raises:
        UserError: a package is not installed.
    """

    def __init__(self, predictor: StereoPredictor, backend: str, cache: Path | None = None) -> None:
        super().__init__()
        self._format, self._runtime, package = _BACKENDS[backend]
        need(package, f"backend={backend}")
        net: StereoNet = predictor.net
        self.source, self.backend = predictor, backend
        self.normalize, self.divisor, self.smallest = net.normalize, net.divisor, net.smallest
        self.max_disparity = net.max_disparity
        self._cache = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dsmnet"
        self._exported: dict[int, ExportedNet] = {}

    def forward(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> list[Tensor]:
        """Normalised views [1, 3, H, W] -> [disparity [1, 1, H, W]] in pixels."""
        net = self.source.net
        planes = net.planes(max_disparity)
        if planes not in self._exported:
            _, largest = equal_ranges(net, max_disparity or net.max_disparity)
            runtime = self._load(largest)
            self._exported[planes] = ExportedNet(runtime, self.normalize, str(self._cache))
        answer: list[Tensor] = self._exported[planes](left, right)
        return answer

    def features(self, image: Tensor) -> Tensor:
        """As the network itself."""
        return self.source.features(image)

    def _load(self, max_disparity: int) -> Runtime:
        path = self._cache / f"{fingerprint(self.source)}_{max_disparity}"
        file = path.with_suffix(FORMATS[self._format][0])
        if not file.is_file():
            log.info("backend=%s: exporting for max_disparity=%d, once", self.backend, max_disparity)
            self._cache.mkdir(parents=True, exist_ok=True)
            # Written aside: an interruption leaves no half file.
            with tempfile.TemporaryDirectory(dir=self._cache) as folder:
                made = export(self.source, Path(folder) / path.name, self._format, max_disparity)
                for part in sorted(made.parent.iterdir()):  # .bin before the .xml that needs it
                    part.replace(self._cache / part.name)
        return self._runtime(file)


def fingerprint(predictor: StereoPredictor) -> str:
    """Return a name for a network: its weights, its configuration and the form of the files."""
    digest = hashlib.sha256(json.dumps([VERSION, predictor.config], sort_keys=True).encode())
    state: dict[str, Any] = predictor.net.state_dict()
    for name, tensor in state.items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:24]
