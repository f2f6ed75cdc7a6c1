"""Panels of any size, with the right numbers."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch

from dsmnet import metrics
from dsmnet.errors import ShapeError
from dsmnet.viz import panel as panel_function
from dsmnet.viz.canvas import BACKGROUND, Label, resize_map, resize_photo, write
from dsmnet.viz.color import color_disparity, color_error, disparity_range, error_table
from dsmnet.viz.panel import error_note, grid_columns, tile_size

panel_module = importlib.import_module("dsmnet.viz.panel")  # the package has a function of that name


def scene(height: int = 60, width: int = 90) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(height * width)
    left = rng.integers(0, 256, (height, width, 3), np.uint8)
    target = np.tile(np.linspace(3, 40, width, dtype=np.float32), (height, 1))
    return left, target + rng.normal(0, 2, target.shape).astype(np.float32).clip(-2, None), target


@pytest.fixture
def labels(monkeypatch: pytest.MonkeyPatch) -> list[Label]:
    """What the panel writes."""
    seen: list[Label] = []
    monkeypatch.setattr(panel_module, "write", lambda canvas, texts: seen.extend(texts) or canvas)
    return seen


@pytest.mark.parametrize(
    ("height", "width"), [(375, 1242), (200, 160), (700, 200), (40, 900), (1, 1), (900, 12), (33, 35)]
)
def test_any_size_gives_a_picture_for_a_screen(height: int, width: int):
    left, prediction, target = scene(height, width)
    picture = panel_function(left, prediction, target, title="pair")
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert 300 < picture.shape[0] < 4100
    assert 300 < picture.shape[1] < 2600


def test_the_panel_holds_what_is_given_and_nothing_else():
    left, prediction, target = scene()
    right = np.roll(left, 7, axis=1)
    size, limits = tile_size(*target.shape), disparity_range(target)
    tiles = {
        "left": resize_photo(left, *size),
        "right": resize_photo(right, *size),
        "prediction": resize_map(color_disparity(prediction, limits), prediction > 0, *size),
        "ground truth": resize_map(color_disparity(target, limits), target > 0, *size),
        "error": resize_map(color_error(prediction, target), target > 0, *size),
    }
    everything = panel_function(left, prediction, target, right=right)
    assert all(contains(everything, tile) for tile in tiles.values())
    some = panel_function(None, prediction, target)
    assert [name for name, tile in tiles.items() if contains(some, tile)] == [
        "prediction",
        "ground truth",
        "error",
    ]
    unlabelled = panel_function(left, target)
    assert contains(unlabelled, tiles["left"])
    assert not contains(unlabelled, tiles["error"])


def contains(picture: np.ndarray, tile: np.ndarray) -> bool:
    height, width = tile.shape[:2]
    codes, first = codes_of(picture), codes_of(tile)[0]
    corners = codes[: codes.shape[0] - height + 1, : codes.shape[1] - width + 1] == first[0]
    return any(
        (codes[y, x : x + width] == first).all() and (picture[y : y + height, x : x + width] == tile).all()
        for y, x in np.argwhere(corners)
    )


def codes_of(picture: np.ndarray) -> np.ndarray:
    """One number per color."""
    return picture.astype(int) @ np.array([1 << 16, 1 << 8, 1])


def test_prediction_and_ground_truth_share_their_colors():
    left, _, target = scene()
    same = panel_function(left, target.copy(), target)
    tile = resize_map(color_disparity(target, disparity_range(target)), target > 0, *tile_size(*target.shape))
    color = codes_of(tile)[5, 7]
    assert (codes_of(same) == color).sum() >= 2 * (codes_of(tile) == color).sum()


def test_a_perfect_prediction_has_an_error_tile_of_one_color(labels: list[Label]):
    left, _, target = scene()
    picture = panel_function(left, target.copy(), target)
    dark_blue = (picture == error_table()[0]).all(axis=-1).sum()
    assert dark_blue >= np.prod(tile_size(*target.shape))
    texts = [label.text for label in labels]
    assert "EPE 0.00 px   bad-3 0.0%" in texts
    assert "D1 0.0%" in texts


def test_captions_hold_the_metrics_of_the_valid_pixels(labels: list[Label]):
    left, prediction, target = scene()
    valid = np.random.default_rng(3).random(target.shape) < 0.3
    prediction[5, 5:15] = 0
    panel_function(left, prediction, target, valid, title="a title")
    tensors = [torch.from_numpy(m) for m in (prediction, target, valid)]
    epe = float(metrics.epe(*tensors))
    bad = float(metrics.bad_pixel(*tensors, threshold=3))
    d1 = float(metrics.d1(*tensors))
    texts = [label.text for label in labels]
    assert any(text.startswith(f"EPE {epe:.2f} px   bad-3 {bad:.1f}%") for text in texts), texts
    assert f"D1 {d1:.1f}%" in texts
    assert any(text.endswith("0.2% unknown") for text in texts), texts  # 10 of 5400 pixels
    assert "a title" in texts
    assert f"{valid.mean():.0%} known" in texts


def test_ground_truth_without_known_pixels_says_so(labels: list[Label]):
    left, prediction, target = scene()
    panel_function(left, prediction, np.zeros_like(target))
    assert "no known ground truth" in [label.text for label in labels]
    assert error_note(prediction, target, target > 1e9) == "no known ground truth"


def test_max_disparity_is_the_warmest_color():
    left, _, target = scene()
    for top in (40.0, 400.0):
        picture = panel_function(left, target, max_disparity=top)
        tile = color_disparity(target, (disparity_range(target)[0], top))
        assert contains(picture, resize_map(tile, target > 0, *tile_size(*target.shape)))


def test_sizes_that_do_not_fit_are_refused():
    left, prediction, target = scene()
    with pytest.raises(ShapeError, match=r"left image \(60, 89\) and disparity \(60, 90\)"):
        panel_function(left[:, :-1], prediction)
    with pytest.raises(ShapeError, match=r"truth \(59, 90\) and disparity \(60, 90\)"):
        panel_function(left, prediction, target[1:])


def test_columns_follow_the_shape_of_the_tiles():
    assert grid_columns(4, 300, 900) == 2
    assert grid_columns(4, 400, 600) == 2
    assert grid_columns(4, 960, 320) == 4
    assert grid_columns(4, 60, 960) == 1
    assert grid_columns(3, 400, 600) in (1, 3)  # no gap


def test_shrinking_a_map_neither_darkens_borders_nor_loses_dots():
    picture = np.zeros((40, 40, 3), np.uint8)
    known = np.zeros((40, 40), bool)
    known[:, :21] = True
    known[30, 35] = True  # a single dot
    picture[known] = (200, 100, 50)
    small = resize_map(picture, known, 10, 10)
    colored = small.any(axis=-1)
    np.testing.assert_array_equal(small[colored], np.broadcast_to((200, 100, 50), (colored.sum(), 3)))
    assert colored[:, :6].all()
    assert colored.sum() == 61


def test_text_that_is_too_wide_is_set_smaller():
    canvas = np.full((40, 400, 3), BACKGROUND, np.uint8)
    wide = Label(10, 20, "a caption that does not fit at all", 20)

    def extent(label: Label) -> int:
        columns = np.flatnonzero((write(canvas, [label]) != BACKGROUND).any(axis=(0, 2)))
        return int(columns.max() - columns.min())

    assert extent(wide) > 200
    assert 90 < extent(wide._replace(max_width=120)) <= 120
    np.testing.assert_array_equal(write(canvas, []), canvas)
