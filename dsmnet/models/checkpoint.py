"""Weights on disk, together with the configuration they belong to."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from dsmnet.errors import FormatError, ShapeError, UserError

CONFIG_KEY = "dsmnet_config"  # in a .ckpt: an entry of the dictionary; in .safetensors: JSON in the metadata
PAIRS_KEY = "dsmnet_pairs"  # in a .ckpt: how many training pairs its weights have seen
NET_PREFIX = "net."  # under which the training module keeps the network
PACKAGED = Path(__file__).resolve().parents[1] / "weights"  # what comes with the package, a file per model


def save_weights(path: Path, net: nn.Module, config: Mapping[str, Any]) -> None:
    """Write the network's tensors and its configuration as one file: .ckpt, or else .safetensors."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".ckpt":
        state = {NET_PREFIX + name: tensor for name, tensor in tensors.items()}
        torch.save({CONFIG_KEY: dict(config), "state_dict": state}, path)
        return
    save_file(tensors, path, metadata={CONFIG_KEY: json.dumps(config)})


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and configuration from .safetensors, or from a training checkpoint (.ckpt).

    Nothing in the file is executed. For names of weights that come with the package see `find_weights`.

    Raises:
        UserError: there is no such file.
        FormatError: it is neither format, or not written by this project.
    """
    path = find_weights(path)
    check_exists(path)
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                config = json.loads((file.metadata() or {}).get(CONFIG_KEY, "null"))
        except (SafetensorError, OSError, ValueError) as error:
            raise FormatError(f"checkpoint={path}: not a readable .safetensors file ({error})") from None
    else:
        content = load_tensors(path, "not a readable checkpoint")
        config = content.get(CONFIG_KEY) if isinstance(content, dict) else None
        state = content.get("state_dict", {}) if isinstance(content, dict) else {}
        tensors = {k.removeprefix(NET_PREFIX): v for k, v in state.items() if k.startswith(NET_PREFIX)}
    if config is None or not tensors:
        raise FormatError(
            f"checkpoint={path}: holds no dsmnet configuration; was it written by tools/train.py?"
        )
    return tensors, config


def read_pairs(path: Path) -> int | None:
    """Return how many pairs the weights of a training checkpoint have seen, or None where it does not say.

    Raises:
        UserError: there is no such file.
        FormatError: it is no checkpoint.
    """
    check_exists(path)
    if path.suffix == ".safetensors":
        return None
    content = load_tensors(path, "not a readable checkpoint")
    pairs = content.get(PAIRS_KEY) if isinstance(content, dict) else None
    return None if pairs is None else int(pairs)


def find_weights(path: Path) -> Path:
    """Return the file of weights that come with the package, where `path` is their name; else `path` itself.

    A file of that name in the current folder comes first.
    """
    named = str(path) in packaged_names() and not path.is_file()
    return PACKAGED / f"{path}.safetensors" if named else path


def packaged_names() -> list[str]:
    """Return the names of the weights that come with the package."""
    return sorted(file.stem for file in PACKAGED.glob("*.safetensors"))


def check_exists(path: Path) -> None:
    """Refuse a checkpoint that is not there.

    Raises:
        UserError: there is no such file.
    """
    if not path.is_file():
        names = ", ".join(packaged_names())
        raise UserError(f"checkpoint={path}: no such file, nor weights of the package ({names})")


def load_tensors(path: Path, complaint: str) -> Any:
    """Return what torch wrote to a file: tensors and plain containers, nothing that would be executed.

    Raises:
        FormatError: it holds anything else, or is no such file; the message is `complaint` and the reason.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FormatError(f"checkpoint={path}: {complaint} ({reason})") from None


def load_into(net: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Copy tensors into a network, or refuse with the list of what differs.

    Raises:
        ShapeError: names are missing or unknown, or shapes differ; nothing was copied.
    """
    differences = list_differences(net.state_dict(), tensors)
    if differences:
        raise ShapeError(f"{source} does not fit the network: {differences}")
    net.load_state_dict(dict(tensors))


def load_what_fits(net: nn.Module, tensors: Mapping[str, Tensor], source: str) -> str:
    """Copy the tensors whose name and shape the network has; return `list_differences` of the others.

    Raises:
        ShapeError: not one fits; nothing was copied.
    """
    own = net.state_dict()
    fitting = {k: v for k, v in tensors.items() if k in own and own[k].shape == v.shape}
    differences = list_differences(own, tensors)
    if not fitting:
        raise ShapeError(f"{source} has nothing that fits the network: {differences}")
    net.load_state_dict(fitting, strict=False)
    return differences


def list_differences(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """Return the first twenty names that are missing, unknown or of another shape; empty if there is none."""
    lines = [f"missing: {name} {tuple(own[name].shape)}" for name in own if name not in given]
    lines += [f"unknown: {name} {tuple(given[name].shape)}" for name in given if name not in own]
    lines += [
        f"shape of {name}: file {tuple(given[name].shape)}, network {tuple(own[name].shape)}"
        for name in own
        if name in given and given[name].shape != own[name].shape
    ]
    if not lines:
        return ""
    return "\n  ".join([f"{len(lines)} differences", *lines[:20], *(["..."] if len(lines) > 20 else [])])
