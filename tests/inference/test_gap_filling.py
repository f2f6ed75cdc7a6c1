from __future__ import annotations

import numpy as np

from dsmnet.inference.gap_filling import fill_gaps

DISPARITY = np.array([[0, 5, 0, 0, 9, 0], [0, 0, 0, 0, 0, 0], [2, 2, 2, 2, 2, 2]], np.float32)
KNOWN = DISPARITY > 0


def test_a_gap_is_background() -> None:
    filled = fill_gaps(DISPARITY, KNOWN)
    np.testing.assert_array_equal(filled[0], [5, 5, 5, 5, 9, 9])
    np.testing.assert_array_equal(filled[1], filled[0])  # without any: the first of the closest rows
    np.testing.assert_array_equal(filled[2], DISPARITY[2])


def test_a_guess_counts_between_its_neighbours() -> None:
    guess = np.array([[7, 0, 7, 20, 3, 8]] * 3, np.float32)
    np.testing.assert_array_equal(fill_gaps(DISPARITY, KNOWN, guess)[0], [5, 5, 7, 9, 9, 9])


def test_nothing_known() -> None:
    assert not fill_gaps(DISPARITY, np.zeros_like(KNOWN)).any()
