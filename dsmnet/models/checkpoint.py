"""Weights on disk, with the configuration they belong to. Nothing in a file is trusted or executed."""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from dsmnet.atomic import atomic_write
from dsmnet.errors import FormatError, ShapeError, UserError, shown
from dsmnet.models.state_dict import list_differences

CONFIG_KEY = "dsmnet_config"  # in a .ckpt: an entry of the dictionary; in .safetensors: JSON in the metadata
PAIRS_KEY = "dsmnet_pairs"  # in a .ckpt: how many training pairs its weights have seen
NET_PREFIX = "net."  # under which the training module keeps the network
PACKAGED = Path(__file__).resolve().parents[1] / "weights"  # what comes with the package, a file per model
_STATES = ("state_dict", "model", "model_state")  # where a file of torch keeps its tensors, if not at the top
_RESUMED = {  # what continues a run, besides the weights
    "callbacks": dict,
    "epoch": int,
    "global_step": int,
    "loops": dict,
    "lr_schedulers": list,
    "optimizer_states": list,
    "state_dict": dict,
}
# Submodules with another name in the first weights of the package, the shipped ones among them: old -> new.
_RENAMED = {
    "enter": "conv_in",
    "halve": "downsample",
    "see_context": "proj_context",
    "see_scores": "proj_scores",
    "weigh": "to_weights",
}
_MOST_CONFIG = 100_000  # characters of JSON; those of the package need 2,000


@dataclass(frozen=True)
class Checkpoint:
    """What a file of weights holds; its configuration is known to have a dictionary ``network``, no more."""

    tensors: dict[str, Tensor]  # by name, as in the file
    config: dict[str, Any] | None  # of the network; None in a file that this project did not write
    pairs: int | None = None  # of training that the weights have seen; None where the file does not say


def save_weights(path: Path, net: nn.Module, config: Mapping[str, Any]) -> None:
    """Write the network's tensors and its configuration as one file: .ckpt, or else .safetensors."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()}
    with atomic_write(path) as part:
        if path.suffix == ".ckpt":
            state = {NET_PREFIX + name: tensor for name, tensor in tensors.items()}
            torch.save({CONFIG_KEY: dict(config), "state_dict": state}, part)
        else:
            save_file(tensors, part, metadata={CONFIG_KEY: json.dumps(config)})


def read_checkpoint(path: Path, option: str = "checkpoint") -> Checkpoint:
    """Read weights from .safetensors, a training checkpoint (.ckpt), or what somebody else's torch wrote.

    Args:
        path: File, or a name of weights that come with the package, see `find_weights`.
        option: Option that named the file, for messages.

    Raises:
        UserError: There is no such file.
        FormatError: It holds no weights, or would run code if it were believed.
    """
    path = find_weights(path)
    check_exists(path, option)
    source = f"{option}={path}"
    if path.suffix == ".safetensors":
        tensors, config = _read_safetensors(path, source)
        return check_checkpoint(path, source, Checkpoint(_renamed(tensors), config))
    content = load_tensors(path, source)
    if not isinstance(content, dict):
        raise FormatError(f"{source}: holds no weights by name, but a {type(content).__name__}")
    config, pairs = content.get(CONFIG_KEY), content.get(PAIRS_KEY)
    state = next((content[key] for key in _STATES if isinstance(content.get(key), dict)), content)
    tensors = {k: v for k, v in state.items() if isinstance(k, str) and isinstance(v, Tensor)}
    if config is not None:
        tensors = {k.removeprefix(NET_PREFIX): v for k, v in tensors.items() if k.startswith(NET_PREFIX)}
        tensors = _renamed(tensors)
    found = Checkpoint(tensors, config, pairs if isinstance(pairs, int) else None)
    return check_checkpoint(path, source, found)


def read_weights(path: Path, option: str = "checkpoint") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and configuration as `read_checkpoint` does, but of a file that this project wrote."""
    found = read_checkpoint(path, option)
    if found.config is None:
        raise FormatError(
            f"{option}={path}: holds no dsmnet configuration; was it written by tools/train.py?"
        )
    return found.tensors, found.config


def _renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {".".join(_RENAMED.get(p, p) for p in name.split(".")): t for name, t in tensors.items()}


def _read_safetensors(path: Path, source: str) -> tuple[dict[str, Tensor], Any]:
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(CONFIG_KEY, "null")
            if len(text) > _MOST_CONFIG:
                raise ValueError(f"a configuration of {len(text)} characters")
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(text)  # noqa: SIM118
    except Exception as error:  # SafetensorError, OSError, ValueError, RecursionError, MemoryError, ...
        raise FormatError(f"{source}: not a readable .safetensors file ({reason(error)})") from None


def check_checkpoint(path: Path, source: str, found: Checkpoint) -> Checkpoint:
    """Refuse tensors and configurations that no checkpoint has."""
    if not found.tensors:
        raise FormatError(f"{source}: holds no weights")
    if found.config is not None:
        network = found.config.get("network") if isinstance(found.config, dict) else None
        if not isinstance(network, dict):
            raise FormatError(f"{source}: its configuration describes no network")
    size = sum(tensor.numel() * tensor.element_size() for tensor in found.tensors.values())
    if size > path.stat().st_size:  # a few bytes repeated without end, by strides or by compression
        raise FormatError(f"{source}: claims {size} bytes of weights, the file has {path.stat().st_size}")
    for name, tensor in found.tensors.items():
        plain = tensor.layout == torch.strided and tensor.device.type == "cpu"
        if not plain or tensor.is_complex() or tensor.is_quantized:
            raise FormatError(f"{source}: {shown(name)} is no plain tensor of real numbers")
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise FormatError(f"{source}: {shown(name)} holds values that are not finite")
    return found


def check_resumable(path: Path, option: str = "resume", net: nn.Module | None = None) -> None:
    """Refuse a file that training of a network, None for any, cannot be continued from.

    Raises:
        UserError: There is no such file.
        FormatError: It is no checkpoint of tools/train.py, or holds weights alone.
        ShapeError: It is of another network.
    """
    check_exists(path, option)
    source = f"{option}={path}"
    expected = "expected a checkpoints/last.ckpt of tools/train.py; init= starts from weights alone"
    if path.suffix == ".safetensors":
        raise FormatError(f"{source}: holds weights alone; {expected}")
    content = load_tensors(path, source)
    if not isinstance(content, dict) or CONFIG_KEY not in content:
        raise FormatError(f"{source}: was not written by tools/train.py; {expected}")
    missing = sorted(key for key, kind in _RESUMED.items() if not isinstance(content.get(key), kind))
    if missing:
        raise FormatError(f"{source}: holds no {', '.join(missing)}; {expected}")
    tensors = read_weights(path, option)[0]
    differences = list_differences(net.state_dict(), tensors) if net is not None else ""
    if differences:
        raise ShapeError(f"{source} is of another network than the one that is trained: {differences}")


def find_weights(path: Path) -> Path:
    """Return the file of weights that come with the package, where `path` is their name; else `path` itself.

    A file of that name in the current folder comes first.
    """
    named = str(path) in packaged_names() and not path.is_file()
    return PACKAGED / f"{path}.safetensors" if named else path


def packaged_names() -> list[str]:
    """Return the names of the weights that come with the package."""
    return sorted(file.stem for file in PACKAGED.glob("*.safetensors"))


def check_exists(path: Path, option: str = "checkpoint") -> None:
    """Refuse a checkpoint that is not there."""
    if not path.is_file():
        names = ", ".join(packaged_names())
        raise UserError(f"{option}={path}: no such file, nor weights of the package ({names})")


def load_tensors(path: Path, source: str) -> Any:
    """Return what torch wrote to a file: tensors and plain containers, nothing that would be executed."""
    try:
        check_uncompressed(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the protocol of a pickle, which the user cannot change
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken pickle can end in any: IndexError, RecursionError, ...
        named = re.search(r"GLOBAL (\S+)", str(error))
        if named:
            raise FormatError(
                f"{source}: refused, it asks for {shown(named[1])}, which is neither a tensor nor a plain "
                "container; nothing of the file was run. Its tensors alone would load"
            ) from None
        raise FormatError(f"{source}: not a readable checkpoint ({reason(error)})") from None


def check_uncompressed(path: Path) -> None:
    """Raise a `ValueError` for what torch does not write: a small archive of large contents."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size:
                raise ValueError("an archive that holds more than its own size")


def reason(error: BaseException) -> str:
    """The first line of an error for a message of ours, without torch's advice to trust a file."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines and "weights_only" not in lines[0] else type(error).__name__
    return shown(text)
