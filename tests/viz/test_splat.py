"""Points as a picture: what hides what, gaps, and what is left as it was."""

from __future__ import annotations

import time

import numpy as np
import pytest

from dsmnet.viz.splat import splat

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def draw(places: list, colors: list, extents: list) -> np.ndarray:
    """Draw points given as x, y, depth, each with width and height of its rectangle, on 40 x 60 pixels."""
    return splat(
        np.array(places, np.float32).reshape(-1, 3),
        np.array(colors, np.uint8).reshape(-1, 3),
        np.array(extents, np.float32).reshape(-1, 2),
        (40, 60),
        background=(9, 9, 9),
    )


def filled(picture: np.ndarray) -> set[tuple[int, int]]:
    return {(int(y), int(x)) for y, x in np.argwhere((picture != 9).any(-1))}


def test_a_point_falls_on_the_nearest_pixel():
    picture = draw([[20.4, 15, 2], [29.6, 9.7, 1]], [RED, GREEN], [[0, 0], [1, 1]])
    assert filled(picture) == {(15, 20), (10, 30)}
    assert tuple(picture[15, 20]) == RED
    assert tuple(picture[10, 30]) == GREEN


def test_a_rectangle_has_its_width_and_height():
    assert filled(draw([[20, 15, 1]], [RED], [[3, 3]])) == {
        (y, x) for y in (14, 15, 16) for x in (19, 20, 21)
    }
    assert filled(draw([[20, 15, 1]], [RED], [[1, 3]])) == {(y, 20) for y in (14, 15, 16)}
    assert filled(draw([[20.5, 15, 1]], [RED], [[4, 0.2]])) == {(15, x) for x in (19, 20, 21, 22)}
    assert len(filled(draw([[20, 15, 1]], [RED], [[1e9, 1e9]]))) == 64  # bounded


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearer_point_hides_the_farther_whatever_their_order(order: tuple[int, int]):
    places, colors = [[20, 15, 1], [20, 15, 2]], [RED, BLUE]
    picture = draw([places[i] for i in order], [colors[i] for i in order], [[1, 1], [1, 1]])
    assert tuple(picture[15, 20]) == RED


def test_a_rectangle_covers_what_lies_behind_it_but_not_its_own_surface():
    near, beside, behind = [20, 15, 1.0], [21, 15, 1.01], [21, 15, 2.0]
    assert tuple(draw([near, beside], [RED, GREEN], [[3, 3], [1, 1]])[15, 21]) == GREEN
    assert tuple(draw([near, behind], [RED, BLUE], [[3, 3], [1, 1]])[15, 21]) == RED


def test_what_is_behind_or_beside_the_camera_is_not_drawn():
    places = [[20, 15, -1], [20, 15, 0], [9e9, 15, 1], [20, -50, 1], [np.inf, 15, 1], [np.nan, 15, 1]]
    assert filled(draw(places, [RED] * 6, [[1, 1]] * 6)) == set()
    assert filled(draw([], [], [])) == set()


def test_a_rectangle_at_the_border_is_cut_by_it():
    assert filled(draw([[0, 0, 1]], [RED], [[3, 3]])) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert filled(draw([[59, 39, 1]], [RED], [[3, 3]])) == {(y, x) for y in (38, 39) for x in (58, 59)}
    assert filled(draw([[-2, 20, 1]], [RED], [[7, 1]])) == {(20, 0), (20, 1)}


def test_half_a_million_points_take_less_than_a_second():
    rows, columns = np.mgrid[:375, :1242].astype(np.float32)
    places = np.stack([columns, rows, 10 + 5 * np.sin(columns / 100)], -1).reshape(-1, 3)
    colors = np.zeros((len(places), 3), np.uint8)
    extents = np.full((len(places), 2), 1.9, np.float32)
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        splat(places, colors, extents, (375, 1242))
        best = min(best, time.perf_counter() - start)
    assert best < 1.0
