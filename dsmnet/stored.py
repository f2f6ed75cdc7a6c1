"""Networks from configurations that came with a file of weights, which may be a stranger's."""

from __future__ import annotations

import functools
import re
from typing import Any

from dsmnet.config import config_dir, instantiate
from dsmnet.errors import FormatError, UserError

# Bounds of such a configuration; those of the package have 70 values up to 192.
_MOST_NODES, _MOST_DEPTH, _LARGEST = 1000, 12, 4096


@functools.cache
def building_blocks() -> frozenset[str]:
    """Every ``_target_`` of conf/model and conf/norm: all that the configuration of a network may name."""
    found: set[str] = set()
    for group in ("model", "norm"):
        for file in (config_dir() / group).rglob("*.yaml"):
            found.update(re.findall(r"^\s*_target_:\s*(\S+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    return frozenset(found)


def build_stored(node: Any, source: str) -> Any:
    """Build a network, or a part of one, from a configuration that came with a file of weights.

    The file, `source` in messages, may be a stranger's: only the package's own building blocks are named,
    everything else is a plain value of moderate size, and nothing refers to the environment.

    Raises:
        FormatError: The configuration asks for anything else; nothing was built.
        UserError: A building block refused its arguments.
    """
    _check_stored(node, source, [_MOST_NODES])
    try:
        return instantiate(node)
    except UserError as error:
        raise FormatError(f"{source}: its configuration builds no network ({str(error)[:200]})") from None


def _check_stored(node: Any, source: str, left: list[int], depth: int = 0) -> None:
    """Refuse a value that the configuration of no network holds; `left` counts what may still come."""
    left[0] -= 1
    if left[0] < 0 or depth > _MOST_DEPTH:
        raise FormatError(f"{source}: its configuration is larger than that of any network")
    if isinstance(node, dict):
        for key, value in node.items():
            _check_stored_entry(key, value, source)
            _check_stored(value, source, left, depth + 1)
    elif isinstance(node, list | tuple):
        for value in node:
            _check_stored(value, source, left, depth + 1)
    elif isinstance(node, str):
        if len(node) > 200 or "${" in node or "???" in node:
            raise FormatError(f"{source}: its configuration holds {node[:40]!a}; expected plain values alone")
    elif node is not None and not (isinstance(node, int | float) and abs(node) <= _LARGEST):
        raise FormatError(f"{source}: its configuration holds {str(node)[:40]!a}; expected moderate numbers")


def _check_stored_entry(key: Any, value: Any, source: str) -> None:
    """Refuse a key that is no argument, and a target outside of the building blocks."""
    if key == "_target_":
        if not isinstance(value, str) or value not in building_blocks():
            raise FormatError(
                f"{source}: refused, its configuration names {str(value)[:100]!a}, which is no building "
                "block of conf/model or conf/norm; nothing of the file was run"
            )
    elif key == "_partial_":
        if not isinstance(value, bool):
            raise FormatError(f"{source}: its configuration holds _partial_={str(value)[:40]!a}")
    elif not isinstance(key, str) or not key.isidentifier() or key.startswith("_"):
        raise FormatError(f"{source}: refused, its configuration holds the key {str(key)[:40]!a}")
