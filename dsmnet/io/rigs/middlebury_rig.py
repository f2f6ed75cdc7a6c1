"""Middlebury's and ETH3D's ``calib.txt``: two rectified cameras, in millimetres."""

from __future__ import annotations

import math
import re
from pathlib import Path

from dsmnet.errors import FormatError, shown
from dsmnet.io.decoding import warn_once
from dsmnet.io.entries import Entries
from dsmnet.io.stated_cameras import Stated, rectified
from dsmnet.types import Calibration


def is_middlebury(text: str) -> bool:
    """Whether a line ``cam0=`` is there."""
    return re.search(r"^[ \t]*cam0[ \t]*=", text, re.MULTILINE) is not None


def read_middlebury(text: str, path: Path | str, unit: str | None) -> Stated:
    """Read cam0 and cam1 (``[f 0 cx; 0 f cy; 0 0 1]``), doffs, baseline, width, height and ndisp."""
    found: dict[str, str] = {}
    for key, value in re.findall(r"^[ \t]*(\w+)[ \t]*=(.*)$", text, re.MULTILINE):
        if found.setdefault(key, value.strip()) != value.strip():
            raise FormatError(f"{path}: {shown(key)} is there twice, with different values")
    entries = Entries(path, found)
    left, right = (entries.numbers(key, 9) if key in entries else None for key in ("cam0", "cam1"))
    assert left is not None  # is_middlebury has seen it
    doffs, baseline, ndisp, width, height = (
        entries.number(key) if key in entries else None
        for key in ("doffs", "baseline", "ndisp", "width", "height")
    )
    if baseline and 0 < baseline < 1 and unit is None:
        raise FormatError(
            f"{path}: baseline={baseline:g}, but millimetres were expected, which would be less than one; "
            f"{baseline:g} m is baseline={1000 * baseline:g}"
        )
    if doffs is None and right is None and baseline:
        warn_once(("doffs", str(path)), "%s: neither doffs nor cam1, so that depth is that of doffs=0", path)
    if doffs is None:
        doffs = 0.0 if right is None else float(right[2] - left[2])
    focal, cx, cy = map(float, left[[0, 2, 5]])
    calibration = Calibration(focal, None, cx, cy, doffs)
    if baseline is not None:
        calibration = rectified(entries, "baseline", (focal, baseline, cx, cy, doffs), unit or "mm")
    if ndisp is not None and ndisp > 0 and (width is None or ndisp < width):
        calibration = calibration._replace(max_disparity=math.ceil(ndisp))
    return Stated(None, calibration, None if width is None else (int(height or 0), int(width)))
