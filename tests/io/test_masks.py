"""Masks of Booster and Spring."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dsmnet.io import write_image
from dsmnet.io.masks import MATCH_MAP, NOC_BINARY


def test_masks(tmp_path: Path) -> None:
    write_image(tmp_path / "binary.png", np.array([[0, 1, 128, 255]], np.uint8))
    np.testing.assert_array_equal(NOC_BINARY.read(tmp_path / "binary.png"), [[False, True, True, True]])
    colors = np.array([[(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]], np.uint8)
    write_image(tmp_path / "match.png", colors)
    np.testing.assert_array_equal(MATCH_MAP.read(tmp_path / "match.png"), [[True, False, False, True, False]])
