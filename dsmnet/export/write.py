"""A network -> a file in one of the formats."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch.export import ExportedProgram

from dsmnet.atomic import atomic_write_all
from dsmnet.export.capture import capture, equal_ranges
from dsmnet.export.graph_metadata import KEY, GraphMetadata
from dsmnet.export.runtimes import need
from dsmnet.inference.predictor import StereoPredictor
from dsmnet.options import check_choice


def export(predictor: StereoPredictor, path: Path, format: str, max_disparity: int) -> Path:
    """Write a network as a graph for views of any height and width (multiples of its divisor).

    Inputs of the graph are the normalised and padded views, as `StereoPredictor.prepare` makes them.

    Args:
        predictor: Network, on the CPU.
        path: File without its suffix, which the returned path has; a name may hold dots.
        format: ``onnx``, ``openvino`` (.xml and .bin) or ``torch_export`` (.pt2).
        max_disparity: Search range in pixels, fixed in the graph.

    Raises:
        UserError: An unknown format, or a package that it needs is not installed.
    """
    suffix, write = FORMATS[check_choice("format", format, FORMATS)]
    if format != "torch_export":
        need("onnxscript", f"format={format}")
    if format == "openvino":
        need("openvino", f"format={format}")
    target = path.with_name(path.name.removesuffix(suffix) + suffix)
    net, ranges = predictor.net, equal_ranges(predictor.net, max_disparity)
    metadata = GraphMetadata(max_disparity, ranges, net.divisor, net.smallest, predictor.config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch.export and of the exporter, about their own internals
        program = capture(predictor, max_disparity)
        with atomic_write_all(target.parent, target.name, target.name) as folder:
            write(program, folder / target.name, metadata)
    return target


def _write_torch(program: ExportedProgram, path: Path, metadata: GraphMetadata) -> None:
    torch.export.save(program, path, extra_files={KEY: metadata.to_json()})


def _write_onnx(program: ExportedProgram, path: Path, metadata: GraphMetadata) -> None:
    onnx_filters = need("dsmnet.export.onnx_filters", "format=onnx")
    for name in ("onnxscript", "onnx_ir", "torch.onnx"):
        logging.getLogger(name).setLevel(logging.ERROR)
    written = torch.onnx.export(
        program,
        dynamo=True,
        verbose=False,
        input_names=("left", "right"),
        output_names=("disparity",),
        custom_translation_table=onnx_filters.translation_table(),
    )
    assert written is not None
    written.model.metadata_props[KEY] = metadata.to_json()
    written.save(path)


def _write_openvino(program: ExportedProgram, path: Path, metadata: GraphMetadata) -> None:
    openvino = need("openvino", "format=openvino")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "graph.onnx"
        _write_onnx(program, source, metadata)
        model = openvino.Core().read_model(source)
        model.set_rt_info(metadata.to_json(), KEY)
        openvino.save_model(model, path, compress_to_fp16=False)


FORMATS: dict[str, tuple[str, Callable[[ExportedProgram, Path, GraphMetadata], None]]] = {
    "onnx": (".onnx", _write_onnx),
    "openvino": (".xml", _write_openvino),
    "torch_export": (".pt2", _write_torch),
}
