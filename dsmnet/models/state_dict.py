"""Tensors of a file into a network, whole or as far as they fit, and what differs."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from dsmnet.errors import ShapeError


def load_into(net: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Copy tensors into a network, or raise a `ShapeError` with the list of what differs."""
    differences = list_differences(net.state_dict(), tensors)
    if differences:
        raise ShapeError(f"{source} does not fit the network: {differences}")
    net.load_state_dict(dict(tensors))


def load_what_fits(net: nn.Module, tensors: Mapping[str, Tensor], source: str) -> str:
    """Copy the tensors whose name and shape the network has; return `list_differences` of the others."""
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
    for name in [name for name in own if name in given]:
        ours, theirs = own[name], given[name]
        if theirs.shape != ours.shape:
            lines.append(f"shape of {name}: file {tuple(theirs.shape)}, network {tuple(ours.shape)}")
        if theirs.is_floating_point() != ours.is_floating_point():
            lines.append(f"type of {name}: file {theirs.dtype}, network {ours.dtype}")
    if not lines:
        return ""
    return "\n  ".join([f"{len(lines)} differences", *lines[:20], *(["..."] if len(lines) > 20 else [])])
