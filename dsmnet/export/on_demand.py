"""A network that is exported for each search range it is asked with, and runs as the file."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from dsmnet.atomic import WriteError, write_text
from dsmnet.export.capture import equal_ranges
from dsmnet.export.exported import SUFFIXES, ExportedNet
from dsmnet.export.graph_metadata import VERSION
from dsmnet.export.runtimes import Runtime, need
from dsmnet.export.write import FORMATS, export
from dsmnet.inference.predictor import StereoPredictor
from dsmnet.models.stereo_net import StereoNet

log = logging.getLogger(__name__)

_FORMAT = {"onnxruntime": "onnx", "openvino": "openvino", "openvino_bf16": "openvino"}  # that a backend runs


class OnDemandNet(nn.Module):
    """A network that another backend runs, with the interface that `StereoPredictor` asks of a network.

    Files are kept from run to run, under the user's cache folder, by what the weights are; a file that is not
    what was written there is made again.

    Args:
        predictor: Network, on the CPU.
        backend: ``onnxruntime``, ``openvino`` or ``openvino_bf16``; a `UserError` where it is not installed.
    """

    def __init__(self, predictor: StereoPredictor, backend: str) -> None:
        super().__init__()
        need(backend.removesuffix("_bf16"), f"backend={backend}")
        net: StereoNet = predictor.net
        self.source, self.backend = predictor, backend
        self.normalize, self.divisor, self.smallest = net.normalize, net.divisor, net.smallest
        self.max_disparity, self.has_range = net.max_disparity, net.has_range
        self._cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dsmnet"
        self._exported: dict[int, ExportedNet] = {}

    def forward(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> list[Tensor]:
        """Normalised views [1, 3, H, W] -> [disparity [1, 1, H, W]] in pixels."""
        net = self.source.net
        planes = net.planes(max_disparity)
        if planes not in self._exported:
            _, largest = equal_ranges(net, max_disparity or net.max_disparity)
            runtime = self._load(largest)
            self._exported[planes] = ExportedNet(runtime, self.normalize, str(self._cache))
        disparities: list[Tensor] = self._exported[planes](left, right)
        return disparities

    def features(self, image: Tensor) -> Tensor:
        """Return the features of the network itself."""
        return self.source.features(image)

    def _load(self, max_disparity: int) -> Runtime:
        name = f"{fingerprint(self.source)}_{max_disparity}"
        format = _FORMAT[self.backend]
        suffix, _ = FORMATS[format]
        file = self._usable_cache() / (name + suffix)
        if not _is_intact(file, name):
            log.info("backend=%s: exporting for max_disparity=%d, once", self.backend, max_disparity)
            export(self.source, file, format, max_disparity)
            parts = {
                part.name: _checksum(part) for part in (file, file.with_suffix(".bin")) if part.is_file()
            }
            write_text(_record(file), json.dumps({"network": name, "files": parts}))
        return SUFFIXES[suffix][self.backend](file)

    def _usable_cache(self) -> Path:
        """Return the cache folder, or a temporary one where it cannot be written to."""
        try:
            write_text(self._cache / "writable", "")
        except WriteError as error:
            log.warning("%s; exports are kept for this run alone", error)
            self._temporary = tempfile.TemporaryDirectory()  # for as long as the network
            self._cache = Path(self._temporary.name)
        return self._cache


def _record(file: Path) -> Path:
    return file.with_name(file.name + ".json")


def _is_intact(file: Path, name: str) -> bool:
    """Tell whether a file of the cache is the one that was made for a network, all of it."""
    try:
        record = json.loads(_record(file).read_text(encoding="utf-8"))
        parts = dict(record["files"])
        same = all(_checksum(file.with_name(part)) == checksum for part, checksum in parts.items())
        return bool(record["network"] == name and file.name in parts and same)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fingerprint(predictor: StereoPredictor) -> str:
    """Return a name for a network: its weights, its configuration and the form of the files."""
    digest = hashlib.sha256(json.dumps([VERSION, predictor.config], sort_keys=True).encode())
    state: dict[str, Any] = predictor.net.state_dict()
    for name, tensor in state.items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:24]
