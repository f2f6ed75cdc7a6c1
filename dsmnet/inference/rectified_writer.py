"""Rectified pairs as files, with their calibration and a record of what was done to them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dsmnet.atomic import atomic_write, write_text
from dsmnet.inference.raw_views import LoadedPair
from dsmnet.io import write_calibration, write_image
from dsmnet.io.pairs import PairFiles
from dsmnet.rectification import Rectification, RowReport, check_rows
from dsmnet.rectification.warp import inside, turned_calibration
from dsmnet.types import Image, Mask

RECORD, CALIBRATION = "rectify.json", "calib.txt"


@dataclass
class RectifiedWriter:
    """Writes left/NAME.png and right/NAME.png, calib.txt and, at the end, rectify.json.

    Where pairs have different calibrations, they are calib/NAME.txt, one for each pair.
    """

    folder: Path
    one_calibration: bool = True
    _record: dict[str, Any] = field(default_factory=lambda: {"rigs": [], "pairs": {}})
    _rigs: list[Path | None] = field(default_factory=list)  # their calibrations

    def add(self, pair: PairFiles, raw: tuple[Image, Image], loaded: LoadedPair) -> RowReport:
        """Write a pair; return how its rows differ now."""
        for side, view in (("left", loaded.left), ("right", loaded.right)):
            with atomic_write(self.folder / side / f"{pair.name}.png") as part:
                write_image(part, view)
        rectification = loaded.rectification
        if rectification is not None and rectification.calibration is not None:
            shape, turns = rectification.valid.shape, rectification.turns
            calibration = turned_calibration(rectification.calibration, shape, turns)
            path = self.folder / (CALIBRATION if self.one_calibration else f"calib/{pair.name}.txt")
            with atomic_write(path) as part:
                write_calibration(part, calibration, loaded.left.shape[:2])
        if pair.calibration not in self._rigs:
            self._rigs.append(pair.calibration)
            self._record["rigs"].append(_describe(pair, rectification, raw[0], loaded))
        before, after = check_rows(*raw), check_rows(loaded.left, loaded.right)
        self._record["pairs"][pair.name] = {
            "rig": self._rigs.index(pair.calibration),
            "rows_before": _rows(before),
            "rows_after": _rows(after),
        }
        return after

    def finish(self) -> Path:
        """Write rectify.json; return its path."""
        path = self.folder / RECORD
        write_text(path, json.dumps(self._record, indent=2) + "\n")
        return path


def _describe(
    pair: PairFiles, rectification: Rectification | None, raw: Image, loaded: LoadedPair
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "calibration": None if pair.calibration is None else str(pair.calibration),
        "size": list(raw.shape[:2]),
        "rectified_size": list(loaded.left.shape[:2]),
        "method": "none",
    }
    if rectification is None:
        return entry
    entry |= {
        "method": "estimated" if rectification.in_raw_left else "calibration",
        "quarter_turns": rectification.turns,
        "valid_left": _region(rectification.valid),
        "valid_right": _region(inside(rectification.right_map)),
    }
    if rectification.calibration is not None and rectification.rotation is not None:
        entry |= {"rotation": rectification.rotation.tolist(), **rectification.calibration._asdict()}
    return entry


def _region(valid: Mask) -> dict[str, Any]:
    """Return the share of a valid region and the box around it, (x, y, width, height) in pixels."""
    rows, columns = (np.flatnonzero(valid.any(axis=axis)) for axis in (1, 0))
    box = [0, 0, 0, 0]
    if len(rows):
        box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
    return {"share": round(float(valid.mean()), 4), "box": [int(side) for side in box]}


def _rows(report: RowReport) -> dict[str, Any] | None:
    """Return what was measured, None where nothing could be."""
    if not report.matches:
        return None
    kept = ("matches", "offset", "rotation", "scale", "spread", "deviation", "disparities")
    measured = {name: value for name, value in asdict(report).items() if name in kept}
    return {name: np.round(value, 4).tolist() for name, value in measured.items()}
