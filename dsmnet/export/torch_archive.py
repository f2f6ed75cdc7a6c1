"""The tensors and the description in a .pt2 of torch.export, read without what the file would run.

torch reads such a file by unpickling parts of it and evaluating its expressions, so that it is a program. The
tensors lie beside as plain numbers: with them and the configuration the network is built again in torch.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import torch
from torch import Tensor

from dsmnet.errors import FormatError
from dsmnet.export.graph_metadata import KEY, GraphMetadata
from dsmnet.models.checkpoint import Checkpoint, check_checkpoint, check_uncompressed, reason

_TYPES = {5: torch.int64, 7: torch.float32}  # by torch's number of a type
_LONGEST = 1 << 24  # characters of the list of tensors
_PREFIX = "net."  # under which the graph keeps the network


def read_torch_archive(path: Path) -> tuple[Checkpoint, GraphMetadata]:
    """Read the tensors, by the network's names, and the description of a .pt2 that `export` wrote."""
    source = f"checkpoint={path}"
    try:
        check_uncompressed(path)
        with ZipFile(path) as archive:
            root = archive.namelist()[0].split("/")[0]
            entry = f"{root}/extra/{KEY}"
            text = _read(archive, entry) if entry in archive.namelist() else None
            metadata = GraphMetadata.from_json(text, str(path))
            folder = f"{root}/data/weights"
            listed = json.loads(_read(archive, f"{folder}/model_weights_config.json"))["config"]
            tensors = {
                name.removeprefix(_PREFIX): _tensor(archive, folder, entry) for name, entry in listed.items()
            }
    except FormatError:
        raise
    except Exception as error:  # of the zip, of its JSON, or of entries that are missing or do not fit
        raise FormatError(f"{source}: not a readable torch.export file ({reason(error)})") from None
    return check_checkpoint(path, source, Checkpoint(tensors, dict(metadata.config))), metadata


def _read(archive: ZipFile, name: str) -> str:
    if archive.getinfo(name).file_size > _LONGEST:
        raise ValueError(f"{name} is too long")
    return archive.read(name).decode("utf-8")


def _tensor(archive: ZipFile, folder: str, entry: dict[str, Any]) -> Tensor:
    """Make one tensor of its numbers, which lie without gaps in the order of its strides."""
    if entry["use_pickle"]:
        raise ValueError("it holds pickled tensors, which are programs")
    meta = entry["tensor_meta"]
    size, stride = ([int(number["as_int"]) for number in meta[key]] for key in ("sizes", "strides"))
    data = archive.read(f"{folder}/{entry['path_name']}")
    dtype = _TYPES[meta["dtype"]]
    if math.prod(size) * dtype.itemsize != len(data):
        raise ValueError(f"{entry['path_name']} is not as long as its tensor")
    numbers = torch.from_numpy(np.frombuffer(data, np.uint8).copy()).view(dtype)
    return numbers.as_strided(size, stride).contiguous()
