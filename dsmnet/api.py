"""The package's front door: build a network, or load one with its weights."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from dsmnet.config import compose, instantiate
from dsmnet.errors import FormatError, ShapeError, UserError
from dsmnet.export import BACKENDS, SUFFIXES, OnDemandNet, load_exported
from dsmnet.inference import StereoPredictor
from dsmnet.inference.precision import PRECISIONS, choose_precision, warn_if_emulated
from dsmnet.models.checkpoint import PACKAGED, Checkpoint, read_checkpoint
from dsmnet.models.official import recognise, to_our_names
from dsmnet.models.official.timm_trunk import holds_trunk, to_trunk_names
from dsmnet.models.state_dict import list_differences, load_into
from dsmnet.models.stereo_net import StereoNet
from dsmnet.options import check_choice, check_whole
from dsmnet.stored import build_stored

DEFAULT_WEIGHTS = PACKAGED / "dsmnet_lite.safetensors"


def build_model(
    name: str = "dsmnet_lite", norm: str | None = None, overrides: Sequence[str] = ()
) -> StereoPredictor:
    """Build a network with fresh weights, of a file in conf/model and one in conf/norm, for the 2-D part.

    Without a `norm` the network has its default: ``domain``, in RAFT-Stereo the published one. Overrides are
    as on the command line: ``["model.max_disparity=128", "norm@norm3d=batch"]``.

    Raises:
        UserError: An unknown name or key.

    Example:
        >>> net = build_model("tiny", norm="batch", overrides=["model.max_disparity=128"])
        >>> net.config["norm"], net.net.max_disparity
        ('batch', 128)
    """
    return build_from_config(
        compose("build", [f"model={name}", *([f"norm={norm}"] if norm else []), *overrides])
    )


def build_from_config(cfg: DictConfig) -> StereoPredictor:
    """Build the network that a composed configuration describes.

    Its `config` holds the names that were chosen (`model`, `norm`, `norm3d`) and the resolved `network`.
    """
    config = {
        "model": cfg.choices.model,
        "norm": cfg.choices.norm,
        "norm3d": cfg.choices["norm@norm3d"],
        "network": OmegaConf.to_container(cfg.model, resolve=True),
    }
    return StereoPredictor(instantiate(cfg.model), config)


def load_model(
    path: str | Path | None = None,
    device: str = "auto",
    format: str = "auto",
    backend: str = "auto",
    precision: str = "float32",
    cuda_graphs: bool = True,
    iterations: int | None = None,
) -> StereoPredictor:
    """Load a trained network. Nothing in its file is executed, whoever wrote it.

    Args:
        path: A checkpoint of tools/train.py (.ckpt or .safetensors), a file of the authors' DSMNet, PSMNet,
            GwcNet, RAFT-Stereo, IGEV-Stereo or LightStereo, or one of tools/export.py (.onnx, .xml, .pt2),
            which runs on the CPU; or the name of weights that come with the package, ``dsmnet_base`` or
            ``dsmnet_lite``, which is the default.
        device: ``auto`` (CUDA if there is one), ``cpu`` or ``cuda``.
        format: ``auto`` (by the content), ``native`` (of tools/train.py) or ``official`` (the authors').
        backend: ``auto`` (what the file is for), ``torch``, ``onnxruntime``, ``openvino``, or
            ``openvino_bf16`` (half precision). A checkpoint is exported for them on the fly, and the export
            is kept in the user's cache folder.
        precision: ``float32``, ``bfloat16``, or ``auto``, see `choose_precision`.
        cuda_graphs: Whether predictions of one size are recorded and replayed on a GPU, see `CudaGraphs`.
        iterations: Steps of a network that refines in steps; default: its own.

    Raises:
        UserError: No such file, not a checkpoint, weights that do not fit, no such device, format, backend or
            precision, or a package that the backend needs is not installed.
    """
    check_choice("precision", precision, PRECISIONS)
    if backend not in ("auto", *BACKENDS):
        raise UserError(f"backend={backend}: expected auto, {', '.join(BACKENDS)}")
    exported = path is not None and Path(path).suffix in SUFFIXES
    if backend in ("auto", "torch") and not exported:
        predictor = _load_torch(path, device, format, iterations)
        predictor.dtype = choose_precision(precision, predictor.net, predictor.device)
        if precision == "bfloat16" and predictor.device.type == "cpu":
            warn_if_emulated("precision=bfloat16", torch.bfloat16, "float32 is many times faster")
        predictor.cuda_graphs.enabled = cuda_graphs
        return predictor
    what = f"checkpoint={path}" if exported else f"backend={backend}"
    if precision == "bfloat16":
        raise UserError(f"precision=bfloat16: {what} has its own; expected auto or float32")
    _check_cpu(device, what)
    if path is not None and exported:
        if iterations is not None:
            raise UserError(f"iterations={iterations}: fixed in {what} when it was exported; expected null")
        return load_written(Path(path), backend)
    predictor = _load_torch(path, "cpu", format, iterations)
    net: Any = OnDemandNet(predictor, backend)
    return StereoPredictor(net, predictor.config)


def load_written(path: Path, backend: str = "auto", own: bool = False) -> StereoPredictor:
    """Load a file of tools/export.py, see `load_exported`."""
    normalize = functools.partial(_build_normalize, f"checkpoint={path}")
    return load_exported(path, normalize, _build_native, backend, own)


def _check_cpu(device: str, what: str) -> None:
    if device not in ("auto", "cpu"):
        raise UserError(f"device={device}: {what} runs on the CPU; expected auto or cpu")


def _build_normalize(source: str, config: Mapping[str, Any]) -> nn.Module:
    normalize = build_stored(config["network"].get("normalize"), source)
    if not isinstance(normalize, nn.Module):
        raise FormatError(f"{source}: its configuration says nothing of how images are normalised")
    return normalize


def _load_torch(path: str | Path | None, device: str, format: str, iterations: int | None) -> StereoPredictor:
    check_choice("format", format, ("auto", "native", "official"))
    if format == "official" and path is None:
        raise UserError("format=official: expected the path of a file, none comes with the package")
    found = read_checkpoint(Path(path) if path is not None else DEFAULT_WEIGHTS)
    source = f"checkpoint={path}"
    if format == "native" and found.config is None:
        raise FormatError(f"{source}: holds no dsmnet configuration; was it written by tools/train.py?")
    official = format == "official" or found.config is None
    predictor = _build_official(found, source) if official else _build_native(found, source)
    if iterations is not None:
        _set_iterations(predictor, iterations)
    return predictor.to(choose_device(device)).eval()


def _set_iterations(predictor: StereoPredictor, iterations: int) -> None:
    """Let a network take so many steps, in its configuration too, which goes with its exports."""
    check_whole("iterations", iterations)
    net: Any = predictor.net
    if not hasattr(net, "iterations"):
        model = predictor.config["model"]
        raise UserError(f"iterations={iterations}: model={model} does not refine in steps; expected null")
    net.iterations = predictor.config["network"]["iterations"] = iterations


def _build_native(found: Checkpoint, source: str) -> StereoPredictor:
    """Build the network of a checkpoint's configuration, once its weights are seen to fit."""
    assert found.config is not None
    with torch.device("meta"):  # a stranger's configuration allocates nothing before it is checked
        outline = build_stored(found.config["network"], source)
    if not isinstance(outline, StereoNet):
        raise FormatError(f"{source}: its configuration describes no network, but a {type(outline).__name__}")
    differences = list_differences(outline.state_dict(), found.tensors)
    if differences:
        raise ShapeError(f"{source} does not fit the network: {differences}")
    predictor = StereoPredictor(build_stored(found.config["network"], source), found.config)
    load_into(predictor.net, found.tensors, source)
    return predictor


def _build_official(found: Checkpoint, source: str) -> StereoPredictor:
    """Build the network that the authors' tensors belong to."""
    tensors, names = recognise(found.tensors, source)
    predictor = build_from_config(compose("build", names.overrides(tensors)))
    own = to_our_names(tensors, predictor.net.state_dict(), names, source)
    load_into(predictor.net, own, source)
    return predictor


def weights_for(net: nn.Module, path: Path, option: str, partly: bool = False) -> dict[str, Tensor]:
    """Read the tensors that training starts from, under the names of `net`.

    The file is a checkpoint of tools/train.py or of the authors' code; `option` named it, for messages. It
    may also be a trunk of the timm library, where some of them are enough (`partly`).

    Raises:
        UserError: There is no such file, or it is of neither kind; that they fit is not checked.
    """
    found = read_checkpoint(path, option)
    if found.config is not None:
        return found.tensors
    if holds_trunk(found.tensors):
        if not partly:
            raise UserError(
                f"{option}={path}: a trunk alone, of the timm library; expected {option}_partly=true too"
            )
        return to_trunk_names(found.tensors, net.state_dict(), f"{option}={path}")
    tensors, names = recognise(found.tensors, f"{option}={path}")
    return to_our_names(tensors, net.state_dict(), names, f"{option}={path}")


def choose_device(device: str) -> torch.device:
    """Resolve ``device=auto|cpu|cuda``.

    Raises:
        UserError: An unknown name, or CUDA where there is none.
    """
    check_choice("device", device, ("auto", "cpu", "cuda"))
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda: this machine has no usable CUDA device; try device=cpu")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
