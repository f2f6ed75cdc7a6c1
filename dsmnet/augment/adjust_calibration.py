"""What a change of the images' geometry does to their calibration.

``depth = focal * baseline / (disparity + doffs)`` stays true through each of these. What a calibration file
leaves out (``None``) stays left out. Pixel centres have whole coordinates, so a size of W covers -0.5
to W - 0.5.
"""

from __future__ import annotations

import math

from dsmnet.types import Calibration

SQUARE = 0.01  # a calibration has one focal length: factors that differ by more than this share do not fit it


def move(calibration: Calibration, right: float = 0.0, down: float = 0.0) -> Calibration:
    """Both views' content moves by so many pixels: a crop moves it left and up, padding right and down."""
    cx, cy = calibration.cx, calibration.cy
    return calibration._replace(cx=None if cx is None else cx + right, cy=None if cy is None else cy + down)


def scale(calibration: Calibration, horizontal: float, vertical: float) -> Calibration | None:
    """Both views grow by these factors.

    Returns:
        None when the factors differ by more than 1 %: one focal length cannot say it. Else the focal length
        grows with the horizontal one, on which depth depends.
    """
    if abs(vertical / horizontal - 1) > SQUARE:
        return None
    focal, cx, cy, largest = calibration.focal, calibration.cx, calibration.cy, calibration.max_disparity
    return calibration._replace(
        focal=None if focal is None else focal * horizontal,
        cx=None if cx is None else (cx + 0.5) * horizontal - 0.5,
        cy=None if cy is None else (cy + 0.5) * vertical - 0.5,
        doffs=calibration.doffs * horizontal,
        max_disparity=None if largest is None else math.ceil(largest * horizontal),
    )


def add_disparity(calibration: Calibration, pixels: int) -> Calibration:
    """Every disparity grows by so many pixels, because the right view's content moved left."""
    largest = calibration.max_disparity
    return calibration._replace(
        doffs=calibration.doffs - pixels,
        max_disparity=None if largest is None else max(largest + pixels, 1),
    )


def mirror(calibration: Calibration, width: int) -> Calibration:
    """Both views of this width are mirrored and exchanged; the offset between their centres stays."""
    cx = calibration.cx
    return calibration._replace(cx=None if cx is None else width - 1 - (cx + calibration.doffs))
