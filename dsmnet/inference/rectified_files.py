"""What tools/rectify.py writes: the views of each pair, their calibration, and rectify.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dsmnet.atomic import atomic_write
from dsmnet.inference.raw_views import LoadedPair
from dsmnet.io import write_calibration, write_image
from dsmnet.rectification.row_check import RowReport
from dsmnet.rectification.warp import Rectification, turned_calibration


def write_rectified(
    folder: Path, name: str, loaded: LoadedPair, rectification: Rectification, calibration_name: str
) -> None:
    """Write the views of a pair, and their calibration where the cameras have one."""
    for side, view in (("left", loaded.left), ("right", loaded.right)):
        with atomic_write(folder / side / f"{name}.png") as part:
            write_image(part, view)
    if rectification.calibration is not None:
        shape, turns = rectification.valid.shape, rectification.turns
        calibration = turned_calibration(rectification.calibration, shape, turns)
        with atomic_write(folder / f"{calibration_name}.txt") as part:
            write_calibration(part, calibration, loaded.left.shape[:2])


def describe_rectified(
    calibration: Path | None, rectification: Rectification, rows: RowReport
) -> dict[str, Any]:
    """Return the entry of a pair in rectify.json: how it was rectified, and how its rows differ now.

    Numbers of the calibration are those before quarter turns; `valid` is the share of the rectified left view
    that shows what the raw one does.
    """
    entry: dict[str, Any] = {
        "calibration": None if calibration is None else str(calibration),
        "method": "estimated" if rectification.in_raw_left else "calibration",
        "quarter_turns": rectification.turns,
        "valid": round(float(rectification.valid.mean()), 4),
    }
    if rectification.calibration is not None and rectification.rotation is not None:
        entry |= {"rotation": rectification.rotation.tolist(), **rectification.calibration._asdict()}
    measured = {
        name: round(getattr(rows, name), 4) for name in ("matches", "offset", "rotation", "deviation")
    }
    return entry | {"rows": measured if rows.matches else None}
