"""Checkpoints of the authors' code, by a map of names per network. Nothing in such a file is executed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

from torch import Tensor

from dsmnet.errors import FormatError, ShapeError, shown
from dsmnet.models.official import dsmnet, gwcnet, igev_stereo, lightstereo, psmnet, raft_stereo
from dsmnet.models.state_dict import list_differences


class NameMap(Protocol):
    """What a module of this folder provides; tensors come with the authors' names, without ``module.``.

    Where the authors declare tensors that they never use, or the same under two names, it also has a function
    ``unused``, which tells so by the name.
    """

    def recognises(self, tensors: Mapping[str, Tensor]) -> bool:
        """Tell whether the file is of this network, from a few names that no other has."""

    def overrides(self, tensors: Mapping[str, Tensor]) -> list[str]:
        """Return how the network is configured that the tensors belong to, ``model=...`` included."""

    def official_name(self, name: str) -> str:
        """Return the authors' name of a tensor of our network."""


_ITERATIVE = (*raft_stereo.FORMS, *igev_stereo.FORMS)
MAPS = cast("tuple[NameMap, ...]", (dsmnet, psmnet, gwcnet, *_ITERATIVE, *lightstereo.FORMS))


def recognise(tensors: Mapping[str, Tensor], source: str) -> tuple[dict[str, Tensor], NameMap]:
    """Find out which of the authors' codes has written the tensors of a file, called `source` in messages.

    Returns:
        The tensors without the ``module.`` of several devices, and the map of names of the network.
    """
    plain = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    for names in MAPS:
        if names.recognises(plain):
            return plain, names
    first = ", ".join(shown(name, 40) for name in list(plain)[:3])
    raise FormatError(
        f"{source}: expected a checkpoint of tools/train.py, or weights of the official DSMNet, PSMNet, "
        f"GwcNet, RAFT-Stereo, IGEV-Stereo, RT-IGEV or LightStereo; its first tensors are {first}"
    )


def to_our_names(
    official: Mapping[str, Tensor], own: Mapping[str, Tensor], names: NameMap, source: str
) -> dict[str, Tensor]:
    """Return tensors of `recognise` under our names, in the shape of ours if they have as many elements.

    Raises:
        ShapeError: Tensors of `own`, the state of our network, are missing, unknown or of another shape.
    """
    wanted = {names.official_name(name): (name, tensor) for name, tensor in own.items()}
    # In the latest form of DSMNet's norm its tensors lie one level deeper.
    official = {name.replace(".normalize.", "."): tensor for name, tensor in official.items()}
    unused = getattr(names, "unused", lambda name: False)
    given = {}
    for name, tensor in official.items():
        if name not in wanted and unused(name):
            continue
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
