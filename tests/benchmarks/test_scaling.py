"""Time and memory against size: the fit, one measurement in a process of its own, the picture."""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import pytest

from benchmarks.scaling import Point, fit, measure, views
from benchmarks.scaling_report import save_scaling
from dsmnet import build_model
from dsmnet.errors import UserError


def point(height: int, max_disparity: int) -> Point:
    pixels = height * 200
    return Point(
        "whole", height, 200, max_disparity, 2e-6 * pixels + 3e-8 * pixels * max_disparity, 1e9, 300 * pixels
    )


def test_the_fit_finds_what_was_put_in():
    points = [point(100, 64), point(100, 128), point(400, 64)]
    times, memory = fit(points, "seconds"), fit(points, "growth")
    assert (times.per_pixel, times.per_cell) == pytest.approx((2e-6, 3e-8))
    assert memory.per_pixel == pytest.approx(300)
    assert memory.per_cell == pytest.approx(0, abs=1e-9)
    with pytest.raises(UserError, match="two or more to fit seconds, got 1"):
        fit(points[:1], "seconds")


@pytest.mark.parametrize("tiles", [None, {"tile": 128, "overlap": 16, "memory": 1.0}])
def test_one_measurement(tiles: dict[str, object] | None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("benchmarks.scaling.in_own_process", lambda function, *args, what: function(*args))
    found = measure(functools.partial(build_model, "tiny"), [200, 264], 48, tiles, threads=1)
    assert found.way == ("tiled" if tiles else "whole")
    assert found.cells == 200 * 264 * 48
    assert 0 < found.seconds < 60
    assert found.memory > found.growth >= 0
    assert found.memory > 100e6  # a process with torch, in bytes


@pytest.mark.parametrize("size", [[200], [0, 100]])
def test_mistakes_are_named(size: list[int]):
    with pytest.raises(UserError, match="expected height, width and range"):
        measure(functools.partial(build_model, "tiny"), size, 48, None)


def test_views_reach_into_the_range():
    left, right = views((120, 400), 100)
    assert left.shape == right.shape == (120, 400, 3)


def test_picture(tmp_path: Path):
    save_scaling(
        tmp_path / "new" / "scaling.png",
        {"whole": [point(100, 64), point(400, 64)]},
        6e9,
        "title",
        ("a", "b"),
    )
    picture = cv2.imread(str(tmp_path / "new" / "scaling.png"))
    assert picture.shape[1] == 1200
    assert picture.std() > 5


def test_fit_of_values_that_are_partly_zero_is_finite() -> None:
    points = [
        Point("whole", 100, 200, disparity, 1.0, 2e9, growth) for disparity, growth in [(32, 0.0), (64, 1e6)]
    ]
    found = fit(points, "growth")
    assert found.per_pixel * 20_000 + found.per_cell * 20_000 * 64 == pytest.approx(1e6, rel=1e-3)
    assert fit([points[0]] * 2, "growth").per_cell == 0
