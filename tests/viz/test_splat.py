"""Points as a picture: perspective, what hides what, gaps, and what is left as it was."""

from __future__ import annotations

import time

import numpy as np
import pytest

from dsmnet.viz.splat import Pinhole, splat

CAMERA = Pinhole(40, 60, 50.0, 20.0, 15.0)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def draw(points: list, colours: list, sizes: list) -> np.ndarray:
    return splat(
        np.array(points, np.float32).reshape(-1, 3),
        np.array(colours, np.uint8).reshape(-1, 3),
        np.array(sizes, np.float32),
        CAMERA,
        background=(9, 9, 9),
    )


def filled(picture: np.ndarray) -> set[tuple[int, int]]:
    return {(int(y), int(x)) for y, x in np.argwhere((picture != 9).any(-1))}


def test_a_point_falls_where_the_camera_sees_it():
    picture = draw([[0, 0, 2], [0.2, -0.1, 1]], [RED, GREEN], [0.01, 0.01])
    assert filled(picture) == {(15, 20), (10, 30)}  # the centre; 50 * 0.2 right of it, 50 * 0.1 above
    assert tuple(picture[15, 20]) == RED
    assert tuple(picture[10, 30]) == GREEN


def test_a_square_is_as_large_as_its_size_at_its_depth():
    picture = draw([[0, 0, 1]], [RED], [3 / 50])
    assert filled(picture) == {(y, x) for y in (14, 15, 16) for x in (19, 20, 21)}
    assert len(filled(draw([[0, 0, 3]], [RED], [3 / 50]))) == 1
    half_way = draw([[0.5 / 50, 0.5 / 50, 1]], [RED], [2 / 50])
    assert filled(half_way) == {(y, x) for y in (15, 16) for x in (20, 21)}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearer_point_hides_the_farther_whatever_their_order(order: tuple[int, int]):
    points, colours = [[0, 0, 1], [0, 0, 2]], [RED, BLUE]
    picture = draw([points[i] for i in order], [colours[i] for i in order], [0.01, 0.01])
    assert tuple(picture[15, 20]) == RED


def test_a_square_covers_what_lies_behind_it_but_not_its_own_surface():
    # The right one is hit by the left one's square of three pixels.
    near, beside, behind = [0, 0, 1.0], [1 / 50, 0, 1.01], [2 / 50, 0, 2.0]
    picture = draw([near, beside], [RED, GREEN], [3 / 50, 0.001])
    assert tuple(picture[15, 21]) == GREEN
    picture = draw([near, behind], [RED, BLUE], [3 / 50, 0.001])
    assert tuple(picture[15, 21]) == RED


def test_what_is_behind_or_beside_the_camera_is_not_drawn():
    points = [[0, 0, -1], [0, 0, 0], [50, 0, 1], [0, -50, 1], [1e9, 0, 1e-6]]
    assert filled(draw(points, [RED] * 5, [1.0] * 5)) == set()
    assert filled(draw([], [], [])) == set()


def test_a_square_at_the_border_is_cut_by_it():
    edge = [(0 - 20) / 50, (0 - 15) / 50, 1]  # the pixel in the corner
    assert filled(draw([edge], [RED], [3 / 50])) == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_half_a_million_points_take_less_than_a_second():
    rows, columns = np.mgrid[:375, :1242].astype(np.float32)
    z = 10 + 5 * np.sin(columns / 100)
    points = np.stack([(columns - 621) / 700 * z, (rows - 187) / 700 * z, z], -1).reshape(-1, 3)
    colours = np.zeros((len(points), 3), np.uint8)
    camera = Pinhole(375, 1242, 700.0, 621.0, 187.0)
    sizes = points[:, 2] * np.float32(1.9 / 700)  # squares of two pixels
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        splat(points, colours, sizes, camera)
        best = min(best, time.perf_counter() - start)
    assert best < 1.0
