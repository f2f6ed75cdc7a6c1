"""Checkpoints of the authors' code, by a map of names per network. Nothing in such a file is executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from torch import Tensor

from dsmnet.errors import FormatError, ShapeError
from dsmnet.models.checkpoint import check_exists, list_differences, load_tensors
from dsmnet.models.official import dsmnet, gwcnet, psmnet


class NameMap(Protocol):
    """What a module of this folder provides.

    Tensors are given by the names of the authors' code, without the ``module.`` of several devices.
    """

    def recognises(self, tensors: Mapping[str, Tensor]) -> bool:
        """Tell whether the file is of this network, from a few names that no other has."""
        ...

    def overrides(self, tensors: Mapping[str, Tensor]) -> list[str]:
        """Return how the network is configured that the tensors belong to, ``model=...`` included."""
        ...

    def official_name(self, name: str) -> str:
        """Return the authors' name of a tensor of our network."""
        ...


MAPS = cast("tuple[NameMap, ...]", (dsmnet, psmnet, gwcnet))


def read_official(path: Path) -> tuple[dict[str, Tensor], NameMap]:
    """Read a checkpoint of one of the authors' codes and find out which.

    Returns:
        The tensors by the authors' names, and the map of names of the network.

    Raises:
        UserError: there is no such file.
        FormatError: not a file of tensors, one that would run code, or of no network that is known.
    """
    check_exists(path)
    tensors = _state(load_tensors(path, "not a file of tensors alone, and nothing else is loaded"))
    for names in MAPS:
        if tensors and names.recognises(tensors):
            return tensors, names
    raise FormatError(
        f"checkpoint={path}: expected weights of the official DSMNet, PSMNet or GwcNet"
        + (f"; its first tensors are {', '.join(list(tensors)[:3])}" if tensors else ", found no tensors")
    )


def to_our_names(
    official: Mapping[str, Tensor], own: Mapping[str, Tensor], names: NameMap, source: str
) -> dict[str, Tensor]:
    """Return the official tensors under our names, each in the shape of ours if it has as many elements.

    Args:
        official: what `read_official` returned.
        own: the state of our network.
        names: the map.
        source: of the file, for messages.

    Raises:
        ShapeError: tensors are missing, unknown or of another shape; the message lists them.
    """
    wanted = {names.official_name(name): (name, tensor) for name, tensor in own.items()}
    # In the latest form of DSMNet's norm its tensors lie one level deeper.
    official = {name.replace(".normalize.", "."): tensor for name, tensor in official.items()}
    given = {}
    for name, tensor in official.items():
        like = wanted[name][1] if name in wanted else tensor
        # The authors keep scales as [1, C, 1, 1].
        same = tensor.numel() == like.numel() and tensor.squeeze().shape == like.squeeze().shape
        given[name] = tensor.view(like.shape) if same else tensor
    for name, (_, tensor) in wanted.items():
        if name.endswith("num_batches_tracked") and name not in given:
            given[name] = tensor  # a counter that nothing depends on; old files lack it
    differences = list_differences({name: tensor for name, (_, tensor) in wanted.items()}, given)
    if differences:
        raise ShapeError(f"{source} is not the official network: {differences}")
    return {own_name: given[name] for name, (own_name, _) in wanted.items()}


def _state(content: Any) -> dict[str, Tensor]:
    """The tensors of a checkpoint, wherever the authors put them."""
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict):
        return {}
    return {
        str(name).removeprefix("module."): value
        for name, value in content.items()
        if isinstance(value, Tensor)
    }
