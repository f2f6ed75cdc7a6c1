"""Zero-shot error against training: the checkpoints of one run, or of several stages, on the same sets."""

from __future__ import annotations

import csv
import glob
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dsmnet.atomic import atomic_write, write_text
from dsmnet.errors import UserError, defused
from dsmnet.evaluation.protocol import METRICS
from dsmnet.models.checkpoint import read_pairs


class Milestone(NamedTuple):
    """Weights, and how many pairs they have seen since training began."""

    pairs: int
    checkpoint: Path


def find_milestones(
    checkpoints: str | Sequence[str], pairs: Sequence[int] | None = None, offset: int = 0
) -> list[Milestone]:
    """Return the checkpoints in the order of the pairs they have seen.

    Args:
        checkpoints: Files or globs.
        pairs: Seen by each file, in the given order; read from the checkpoints without it.
        offset: Added to what the checkpoints state, for a run that started from trained weights.

    Raises:
        UserError: Nothing matches, a checkpoint does not state its pairs, or `pairs` has another length.
    """
    patterns = [checkpoints] if isinstance(checkpoints, str) else list(checkpoints)
    files: list[Path] = []
    for pattern in patterns:
        found = sorted(glob.glob(str(pattern), recursive=True))
        if not found:
            raise UserError(f"checkpoints={pattern}: no such file")
        files += [Path(file) for file in found if Path(file) not in files]
    if pairs is not None:
        if len(pairs) != len(files):
            raise UserError(
                f"pairs: expected one number for each of the {len(files)} checkpoints, got {pairs}"
            )
        return sorted(Milestone(int(seen), file) for seen, file in zip(pairs, files, strict=True))
    milestones = []
    for file in files:
        stated = read_pairs(file)
        if stated is None:
            raise UserError(
                f"checkpoints={file}: does not state how many pairs it has seen; give pairs=[...]"
            )
        milestones.append(Milestone(stated + offset, file))
    return sorted(milestones)


def curve_rows(results: Iterable[tuple[Milestone, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return a row per checkpoint and set from the content of their results.json."""
    return [
        {
            "pairs": milestone.pairs,
            "checkpoint": milestone.checkpoint.name,
            "set": name,
            "images": entry["images"],
        }
        | {metric: entry[metric] for metric in METRICS}
        for milestone, found in results
        for name, entry in found["sets"].items()
    ]


def write_curve(rows: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write curve.json and curve.csv."""
    write_text(folder / "curve.json", json.dumps(list(rows), indent=1) + "\n")
    with atomic_write(folder / "curve.csv") as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows({key: defused(cell) for key, cell in row.items()} for row in rows)
