"""The package's front door: build a network, or load one with its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from dsmnet.config import compose, instantiate
from dsmnet.errors import UserError
from dsmnet.export import BACKENDS, SUFFIXES, OnDemandNet, load_exported
from dsmnet.inference import StereoPredictor
from dsmnet.models.checkpoint import PACKAGED, load_into, read_weights
from dsmnet.models.official import read_official, to_our_names

DEFAULT_WEIGHTS = PACKAGED / "dsmnet_lite.safetensors"


def build_model(
    name: str = "dsmnet_lite", norm: str = "domain", overrides: Sequence[str] = ()
) -> StereoPredictor:
    """Build a network with fresh weights from the configuration groups.

    Args:
        name: a file in conf/model.
        norm: a file in conf/norm, for the 2-D part.
        overrides: as on the command line: ``["model.max_disparity=128", "norm@norm3d=batch"]``.

    Raises:
        UserError: an unknown name or key.
    """
    return build_from_config(compose("build", [f"model={name}", f"norm={norm}", *overrides]))


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
    path: str | Path | None = None, device: str = "auto", format: str = "native", backend: str = "auto"
) -> StereoPredictor:
    """Load a trained network.

    Args:
        path: a checkpoint of tools/train.py (.ckpt or .safetensors), or a file of tools/export.py (.onnx,
            .xml, .pt2), which runs on the CPU; or the name of weights that come with the package,
            ``dsmnet_base`` or ``dsmnet_lite``; default: the latter.
        device: ``auto`` (CUDA if there is one), ``cpu`` or ``cuda``.
        format: ``native``, or ``official``: a file of the authors' DSMNet, PSMNet or GwcNet, which of them is
            seen from its content.
        backend: ``auto`` (what the file is for), ``torch``, ``onnxruntime``, ``openvino``, or
            ``openvino_bf16`` (half precision). A checkpoint is exported for them on the fly, and the export
            is kept in the user's cache folder.

    Raises:
        UserError: no such file, not a checkpoint, weights that do not fit, no such device, format or backend,
            or a package that the backend needs is not installed.
    """
    if backend not in ("auto", *BACKENDS):
        raise UserError(f"backend={backend}: expected auto, {', '.join(BACKENDS)}")
    if path is not None and Path(path).suffix in SUFFIXES:
        _check_cpu(device, f"checkpoint={path}")
        return load_exported(Path(path), _build_normalize, backend)
    if backend in ("auto", "torch"):
        return _load_torch(path, device, format)
    _check_cpu(device, f"backend={backend}")
    predictor = _load_torch(path, "cpu", format)
    net: Any = OnDemandNet(predictor, backend)
    return StereoPredictor(net, predictor.config)


def _check_cpu(device: str, what: str) -> None:
    if device not in ("auto", "cpu"):
        raise UserError(f"device={device}: {what} runs on the CPU; expected auto or cpu")


def _build_normalize(config: Mapping[str, Any]) -> nn.Module:
    normalize: nn.Module = instantiate(config["network"]["normalize"])
    return normalize


def _load_torch(path: str | Path | None, device: str, format: str) -> StereoPredictor:
    if format not in ("native", "official"):
        raise UserError(f"format={format}: expected native or official")
    if format == "official":
        if path is None:
            raise UserError("format=official: expected the path of a file, none comes with the package")
        predictor = _load_official(Path(path))
    else:
        path = Path(path) if path is not None else DEFAULT_WEIGHTS
        tensors, config = read_weights(path)
        predictor = StereoPredictor(instantiate(config["network"]), config)
        load_into(predictor.net, tensors, str(path))
    return predictor.to(choose_device(device)).eval()


def _load_official(path: Path) -> StereoPredictor:
    tensors, names = read_official(path)
    predictor = build_from_config(compose("build", names.overrides(tensors)))
    own = to_our_names(tensors, predictor.net.state_dict(), names, f"checkpoint={path}")
    load_into(predictor.net, own, f"checkpoint={path}")
    return predictor


def choose_device(device: str) -> torch.device:
    """Resolve ``device=auto|cpu|cuda``.

    Raises:
        UserError: an unknown name, or CUDA where there is none.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise UserError(f"device={device}: expected auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda: this machine has no usable CUDA device; try device=cpu")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
