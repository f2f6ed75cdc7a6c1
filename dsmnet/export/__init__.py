"""Networks as files that run without their Python code: ONNX, OpenVINO, torch.export."""

from dsmnet.export.exported import BACKENDS, SUFFIXES, ExportedNet, load_exported
from dsmnet.export.on_demand import OnDemandNet
from dsmnet.export.write import FORMATS, export

__all__ = ["BACKENDS", "FORMATS", "SUFFIXES", "ExportedNet", "OnDemandNet", "export", "load_exported"]
