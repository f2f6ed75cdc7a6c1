"""Pairs whose rows meet: by a calibration, by an estimate from the images, and the check of what is given."""

from __future__ import annotations

from dsmnet.rectification.estimate import estimate_rectification
from dsmnet.rectification.row_check import RowReport, check_rows
from dsmnet.rectification.warp import Rectification, rectify_rig

__all__ = ["Rectification", "RowReport", "check_rows", "estimate_rectification", "rectify_rig"]
