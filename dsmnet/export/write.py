"""A network -> a file in one of the formats."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch.export import ExportedProgram

from dsmnet.atomic import atomic_write_all
from dsmnet.errors import UserError
from dsmnet.export.capture import LARGEST, capture, equal_ranges
from dsmnet.export.graph_metadata import IMAGES, KEY, GraphMetadata
from dsmnet.export.half import halve
from dsmnet.export.image_graph import take_images
from dsmnet.export.int8 import quantize
from dsmnet.export.runtimes import need
from dsmnet.inference.padding import Padding
from dsmnet.inference.predictor import StereoPredictor
from dsmnet.models.stereo_net import StereoNet
from dsmnet.options import check_choice, check_whole

PRECISIONS = ("float32", "float16", "int8")
_CALIBRATED = (192, 384)  # height and width of the pairs for int8, where the file takes any


def export(
    predictor: StereoPredictor,
    path: Path,
    format: str,
    max_disparity: int,
    size: Sequence[int] | None = None,
    precision: str = "float32",
    images: str = "normalized",
) -> Path:
    """Write a network as a graph for views of any height and width (multiples of its divisor), or of one.

    Inputs of the graph are the normalised and padded views, as `StereoPredictor.prepare` makes them, or
    images as they come.

    Args:
        predictor: Network, on the CPU.
        path: File without its suffix, which the returned path has; a name may hold dots.
        format: ``onnx``, ``openvino`` (.xml and .bin) or ``torch_export`` (.pt2).
        max_disparity: Search range in pixels, fixed in the graph.
        size: Height and width of the images; None: any. With it every shape in the graph is a number, as
            TensorRT likes it.
        precision: ``float32``, or in ONNX ``float16``, see `halve`, or ``int8``, see `quantize`.
        images: ``normalized``, or in ONNX ``uint8``, see `take_images`.

    Raises:
        UserError: An unknown format, an impossible size, or a package that is needed is not installed.
    """
    suffix, write = FORMATS[check_choice("format", format, FORMATS)]
    if format != "torch_export":
        need("onnxscript", f"format={format}")
    if format == "openvino":
        need("openvino", f"format={format}")
    check_choice("precision", precision, PRECISIONS)
    check_choice("images", images, IMAGES)
    for option, value, only in (("precision", precision, "float32"), ("images", images, IMAGES[0])):
        if value != only and format != "onnx":
            raise UserError(f"{option}={value}: format={format} has {only} alone; expected format=onnx")
    target = path.with_name(path.name.removesuffix(suffix) + suffix)
    net, ranges = predictor.net, equal_ranges(predictor.net, max_disparity)
    fixed = _padded(net, size) if size is not None else None
    metadata = GraphMetadata(
        max_disparity, ranges, net.divisor, fixed or net.smallest, predictor.config, fixed is not None
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch.export and of the exporter, about their own internals
        program = capture(predictor, max_disparity, fixed)
        with atomic_write_all(target.parent, target.name, target.name) as folder:
            write(program, folder / target.name, metadata)
            if precision == "int8":
                quantize(folder / target.name, predictor, fixed or _CALIBRATED)
            elif precision == "float16":
                halve(folder / target.name)
            if images == "uint8":
                exact = (size[0], size[1]) if size is not None else None
                seen = replace(metadata, divisor=1, smallest=exact or (1, 1), images=images)
                take_images(folder / target.name, net, seen, exact)
    return target


def _padded(net: StereoNet, size: Sequence[int]) -> tuple[int, int]:
    """Return the height and width of padded views of images of a size."""
    if not isinstance(size, Sequence) or isinstance(size, str) or len(size) != 2:
        raise UserError(f"size={size}: expected [height, width] or null")
    height, width = (check_whole("size", pixels, least=1, most=LARGEST) for pixels in size)
    padding = Padding.for_net(net, height, width)
    return height + padding.top, width + padding.right


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
    onnx_filters.give_bodies_their_constants(written.model)
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
