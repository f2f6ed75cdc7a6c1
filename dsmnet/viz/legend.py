"""Color bars: which color means how many pixels."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import MaxNLocator

from dsmnet.metrics.pixel_error import D1_PIXELS, D1_SHARE
from dsmnet.types import Image
from dsmnet.viz.canvas import MUTED, Label, blank, paste, stack, write
from dsmnet.viz.color import COLOR_MAP, ERROR_BOUNDARIES, color_table, error_table

MIN_WIDTH = 260  # pixels; below that the ticks would run into each other


def font_size(width: int) -> int:
    """Return a readable font size for a picture of that width, pixels."""
    return int(np.clip(width / 45, 13, 36))


def disparity_ticks(limits: tuple[float, float], count: int = 6) -> list[float]:
    """Return round disparities inside `limits`, pixels."""
    low, high = limits
    ticks = MaxNLocator(nbins=count, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    slack = 1e-6 * (high - low)
    return [float(tick) for tick in ticks if low - slack <= tick <= high + slack]


def disparity_bar(
    width: int, limits: tuple[float, float], color_map: str = COLOR_MAP, title: str = "disparity, px"
) -> Image:
    """Draw the legend of `dsmnet.viz.color.color_disparity`: the map with ticks in pixels."""
    width = max(width, MIN_WIDTH)
    low, high = limits
    ramp = color_table(color_map, width - 2 * font_size(width))
    ticks = [((t - low) / (high - low), f"{t:g}") for t in disparity_ticks(limits, min(8, width // 45))]
    return _bar(ramp[None], ticks, title, width)


def error_bar(width: int) -> Image:
    """Draw the legend of `dsmnet.viz.color.color_error`: ten colors, the errors between them in pixels."""
    width = max(width, MIN_WIDTH)
    inner = width - 2 * font_size(width)
    table = error_table()
    ramp = table[np.arange(inner) * len(table) // inner]
    ticks = [((i + 1) / len(table), f"{b * D1_PIXELS:.2g}") for i, b in enumerate(ERROR_BOUNDARIES)]
    wide = D1_PIXELS / D1_SHARE
    return _bar(ramp[None], ticks, f"error, px  (times {wide:g} / d where d > {wide:g} px)", width)


def with_bar(picture: Image, bar: Image) -> Image:
    """Put a legend below a picture; the picture's pixels stay where and what they are."""
    return stack([picture, bar])


def _bar(ramp: Image, ticks: list[tuple[float, str]], title: str, width: int) -> Image:
    """Draw a strip with a margin of a letter's height: colors, then tick labels, then the title."""
    size = margin = font_size(width)
    top, thick = size // 2, size
    inner = ramp.shape[1]
    strip = blank(round(top + thick + 3.6 * size), width)
    paste(strip, np.repeat(ramp, thick, axis=0), top, margin)
    labels = [Label(width / 2, top + thick + 2.7 * size, title, size * 0.9, MUTED, "center", max_width=inner)]
    for position, text in ticks:
        x = margin + round(position * (inner - 1))
        strip[top + thick : top + thick + max(size // 3, 2), x] = MUTED
        labels.append(Label(x + 0.5, top + thick + 1.2 * size, text, size * 0.9, align="center"))
    return write(strip, labels)
