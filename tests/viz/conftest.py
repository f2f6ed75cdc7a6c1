"""A scene of which all is known: a square before a wall."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from dsmnet.types import Calibration, DisparityMap, Image


class Scene(NamedTuple):
    disparity: DisparityMap
    image: Image
    calibration: Calibration


@pytest.fixture
def scene() -> Scene:
    """A red square at 2 m before a patterned wall at 4 m; 90 x 120 pixels, the centre far from the middle."""
    calibration = Calibration(focal=100.0, baseline=0.4, cx=50.0, cy=50.0, doffs=2.0)
    disparity = np.full((90, 120), 8.0, np.float32)  # 40 / (8 + 2)
    disparity[30:60, 45:75] = 18.0
    rows, columns = np.mgrid[:90, :120]
    image = np.stack([np.full_like(rows, 40), 60 + rows, 60 + columns], axis=-1).astype(np.uint8)
    image[30:60, 45:75] = (230, 20, 20)
    return Scene(disparity, image, calibration)
