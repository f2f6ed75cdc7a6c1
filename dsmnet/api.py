"""The package's front door: build a network, or load one with its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from dsmnet.config import compose, instantiate
from dsmnet.errors import UserError
from dsmnet.inference import StereoPredictor
from dsmnet.models.checkpoint import load_into, read_weights
from dsmnet.models.official import read_official, to_our_names

DEFAULT_WEIGHTS = Path(__file__).resolve().parent / "weights" / "dsmnet_lite.safetensors"


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
    path: str | Path | None = None, device: str = "auto", format: str = "native"
) -> StereoPredictor:
    """Load a trained network.

    Args:
        path: a checkpoint of tools/train.py (.ckpt or .safetensors); default: the weights that come with the
            package.
        device: ``auto`` (CUDA if there is one), ``cpu`` or ``cuda``.
        format: ``native``, or ``official``: a file of the authors' DSMNet, PSMNet or GwcNet, which of them is
            seen from its content.

    Raises:
        UserError: no such file, not a checkpoint, weights that do not fit, no such device or format.
    """
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
