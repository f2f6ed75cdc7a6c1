"""Color bars say what the maps mean."""

from __future__ import annotations

import numpy as np
import pytest

from dsmnet.viz import legend
from dsmnet.viz.canvas import Label
from dsmnet.viz.color import color_disparity, error_table
from dsmnet.viz.legend import disparity_bar, disparity_ticks, error_bar, with_bar


@pytest.fixture
def labels(monkeypatch: pytest.MonkeyPatch) -> list[Label]:
    """What the bar writes, instead of writing it."""
    seen: list[Label] = []
    monkeypatch.setattr(legend, "write", lambda canvas, texts: seen.extend(texts) or canvas)
    return seen


def test_ticks_are_round_and_inside_the_range():
    assert disparity_ticks((3.2, 61.7)) == [10, 20, 30, 40, 50, 60]
    assert disparity_ticks((0, 1)) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert all(100.2 <= tick <= 100.9 for tick in disparity_ticks((100.2, 100.9)))
    assert len(disparity_ticks((100.2, 100.9))) >= 3


@pytest.mark.parametrize("width", [40, 400, 1242])
def test_a_tick_stands_below_the_color_of_its_disparity(width: int, labels: list[Label]):
    limits = (4.0, 53.0)
    bar = disparity_bar(width, limits)
    ticks = [label for label in labels if label.text.replace(".", "").isdigit()]
    assert len(ticks) >= 3
    assert any("px" in label.text for label in labels)
    for tick in ticks:
        shown = bar[legend.font_size(bar.shape[1]), int(tick.x)].astype(int)  # a row within the ramp
        expected = color_disparity(np.array([[float(tick.text)]], np.float32), limits)[0, 0]
        assert np.abs(shown - expected).max() <= 12, tick  # half a pixel of the narrowest ramp


def test_error_bar_has_ten_colors_and_the_errors_between_them(labels: list[Label]):
    bar = error_bar(600)
    ramp = bar[legend.font_size(600)]
    table = error_table().tolist()
    inner = ramp[legend.font_size(600) : -legend.font_size(600)].tolist()
    assert [color for color, before in zip(inner, [None, *inner], strict=False) if color != before] == table
    assert [label.text for label in labels[1:]] == ["0.19", "0.38", "0.75", "1.5", "3", "6", "12", "24", "48"]
    outlier = next(label for label in labels if label.text == "3")
    assert ramp[int(outlier.x) - 3].tolist() == table[4]  # the last blue
    assert ramp[int(outlier.x) + 3].tolist() == table[5]


def test_text_is_really_drawn():
    bar = disparity_bar(500, (0, 50))
    size = legend.font_size(500)
    below = bar[size // 2 + size + size // 2 + 2 :]  # under ramp and tick marks
    bright = (below > 200).all(axis=-1)
    assert bright.sum() > 40
    columns = np.flatnonzero(bright.any(axis=0))
    assert columns.min() < 40  # the labels of the first tick
    assert columns.max() > 460  # and of the last one


@pytest.mark.parametrize("width", [10, 300, 2000])
def test_the_picture_above_a_bar_is_untouched(width: int):
    picture = np.random.default_rng(0).integers(0, 256, (30, width, 3), np.uint8)
    both = with_bar(picture, disparity_bar(width, (0, 10)))
    np.testing.assert_array_equal(both[:30, :width], picture)
    assert both.shape[1] == max(width, legend.MIN_WIDTH)
