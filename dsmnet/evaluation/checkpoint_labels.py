"""Checkpoints that an evaluation compares, and short names for them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from dsmnet.errors import UserError


def chosen_checkpoints(
    checkpoint: str | None, compare: Iterable[str | None] | None, reserved: Collection[str] = ()
) -> dict[str, str | None]:
    """Return the checkpoints of ``checkpoint=PATH compare=[A,B,...]`` by label, in that order.

    ``None`` in `compare` stands for the weights that come with the package. Without `compare` there is one
    checkpoint and its label is empty. `reserved` are the labels that baselines have.
    """
    if compare is None:
        return {"": checkpoint}
    if isinstance(compare, str) or not isinstance(compare, Iterable):
        raise UserError(f"compare={compare}: expected a list of checkpoints, as in compare=[a.ckpt,b.ckpt]")
    paths = [*([checkpoint] if checkpoint is not None else []), *compare]
    for path in paths:
        if path is not None and not isinstance(path, str):
            raise UserError(f"compare: {path} is no checkpoint; expected a path or null")
    if len(paths) < 2:
        named = ", ".join(map(str, paths)) or "none"
        raise UserError(f"compare: expected two or more checkpoints (with checkpoint=), there is {named}")
    return dict(zip(checkpoint_labels([path or "shipped" for path in paths], reserved), paths, strict=True))


def checkpoint_labels(paths: Sequence[str], reserved: Collection[str] = ()) -> list[str]:
    """Return a short unique label per path: the file's stem, or where stems are equal the nearest folder.

    Where no single name tells the paths apart, or a label is taken, all get what differs in their paths.
    """
    full = [Path(path).expanduser().resolve() for path in paths]
    for path, given in zip(full, paths, strict=True):
        if full.count(path) > 1:
            raise UserError(f"compare: {given} is named {full.count(path)} times; expected different files")
    stems = Counter(path.stem for path in full)
    found = [
        path.stem if stems[path.stem] == 1 else _folder(path, [p for p in full if p.stem == path.stem])
        for path in full
    ]
    if len(set(found)) == len(found) and not set(found) & {"", *reserved}:
        return found
    base = Path(os.path.commonpath([path.parent for path in full]))
    found = [str(path.relative_to(base)) for path in full]
    return found if not set(found) & set(reserved) else [f"{base.name}/{name}" for name in found]


def _folder(path: Path, namesakes: list[Path]) -> str:
    """Return the name of the nearest folder above `path` that none of the others shares; "" without one."""
    for level, folder in enumerate(path.parents):
        others = [other.parents[level].name for other in namesakes if len(other.parents) > level]
        if folder.name and len(set(others)) == len(namesakes):
            return folder.name
    return ""
