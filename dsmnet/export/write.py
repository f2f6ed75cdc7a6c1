"""A network -> a file in one of the formats."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch.export import ExportedProgram

from dsmnet.atomic import atomic_write_all, cannot_write
from dsmnet.errors import UserError
from dsmnet.export.capture import capture, describe
from dsmnet.export.facts import KEY, Facts
from dsmnet.export.packages import need
from dsmnet.inference.predictor import StereoPredictor

_NAMES = ("left", "right", "disparity")


def export(predictor: StereoPredictor, path: Path, format: str, max_disparity: int) -> Path:
    """Write a network as a graph for views of any height and width (multiples of its divisor).

    Inputs of the graph are the normalised and padded views, as `StereoPredictor.prepare` makes them.

    Args:
        predictor: The network, on the CPU.
        path: of the file, without suffix; a name may hold dots.
        format: ``onnx``, ``openvino`` (.xml and .bin) or ``torch_export`` (.pt2).
        max_disparity: Search range in pixels, fixed in the graph.

    Returns:
        The path with the format's suffix; the file is whole or not there.

    Raises:
        UserError: An unknown format, or a package that it needs is not installed.
        WriteError: The file cannot be written.
    """
    if format not in FORMATS:
        raise UserError(f"format={format}: expected one of {', '.join(FORMATS)}")
    suffix, write = FORMATS[format]
    if format != "torch_export":
        need("onnxscript", f"format={format}")
    if format == "openvino":
        need("openvino", f"format={format}")
    target = path.with_name(path.name.removesuffix(suffix) + suffix)
    facts = describe(predictor, max_disparity)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch.export and of the exporter, about their own internals
        program = capture(predictor, max_disparity)
        try:
            with atomic_write_all(target.parent, target.name, target.name) as folder:
                write(program, folder / target.name, facts)
        except OSError as error:
            raise cannot_write(target, error) from None
    return target


def _write_torch(program: ExportedProgram, path: Path, facts: Facts) -> None:
    torch.export.save(program, path, extra_files={KEY: facts.to_json()})


def _write_onnx(program: ExportedProgram, path: Path, facts: Facts) -> None:
    onnx_filters = need("dsmnet.export.onnx_filters", "format=onnx")
    loggers = [logging.getLogger(name) for name in ("onnxscript", "onnx_ir", "torch.onnx")]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    written = torch.onnx.export(
        program,
        dynamo=True,
        verbose=False,
        input_names=_NAMES[:2],
        output_names=_NAMES[2:],
        custom_translation_table=onnx_filters.translation_table(),
    )
    assert written is not None
    written.model.metadata_props[KEY] = facts.to_json()
    written.save(path)


def _write_openvino(program: ExportedProgram, path: Path, facts: Facts) -> None:
    openvino = need("openvino", "format=openvino")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "graph.onnx"
        _write_onnx(program, source, facts)
        model = openvino.Core().read_model(source)
        model.set_rt_info(facts.to_json(), KEY)
        openvino.save_model(model, path, compress_to_fp16=False)


FORMATS: dict[str, tuple[str, Callable[[ExportedProgram, Path, Facts], None]]] = {
    "onnx": (".onnx", _write_onnx),
    "openvino": (".xml", _write_openvino),
    "torch_export": (".pt2", _write_torch),
}
