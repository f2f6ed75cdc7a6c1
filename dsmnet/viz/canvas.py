"""Drawing that every picture here shares: text, color bars' ground, scaling that respects unknown pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dsmnet.types import Image, Mask

Color = tuple[int, int, int]
BACKGROUND: Color = (22, 24, 29)  # dark, so that black (unknown) and every color of the maps stand out
FOREGROUND: Color = (236, 238, 242)
MUTED: Color = (158, 165, 178)


class Label(NamedTuple):
    """A line of text on a canvas; (x, y) in pixels from the top left corner."""

    x: float
    y: float
    text: str
    size: float  # height of the font, pixels
    color: Color = FOREGROUND
    align: str = "left"  # left | center | right: the side of the text that x names
    bold: bool = False
    max_width: float | None = None  # pixels; wider text is set smaller


def blank(height: int, width: int) -> Image:
    """Return an empty canvas, RGB [height, width, 3]."""
    return np.full((height, width, 3), BACKGROUND, np.uint8)


def paste(canvas: Image, picture: Image, y: int, x: int) -> None:
    """Put a picture on a canvas, its top left corner at (x, y)."""
    height, width = picture.shape[:2]
    canvas[y : y + height, x : x + width] = picture


def write(canvas: Image, labels: Sequence[Label]) -> Image:
    """Return the canvas with the labels on it, each centred on its y.

    matplotlib draws the text in the font that it ships, so that pictures look the same on every machine.
    """
    height, width = canvas.shape[:2]
    # At 72 dots per inch a point is a pixel; the half pixel keeps float rounding from losing a row.
    figure = Figure(figsize=((width + 0.5) / 72, (height + 0.5) / 72), dpi=72)
    figure.patch.set_alpha(0)
    agg = FigureCanvasAgg(figure)
    renderer = agg.get_renderer()
    for label in labels:
        text = figure.text(
            label.x / (width + 0.5),
            1 - label.y / (height + 0.5),
            label.text.replace("$", r"\$"),
            fontsize=label.size,
            color=[channel / 255 for channel in label.color],
            ha=label.align,
            va="center_baseline",
            weight="bold" if label.bold else "normal",
            family="DejaVu Sans",
        )
        size = label.size
        # Glyphs are fitted to the pixel grid, so half the size is not quite half the width: try again.
        while label.max_width is not None and size > 1:
            wide = text.get_window_extent(renderer).width
            if wide <= label.max_width:
                break
            size *= min(0.98, label.max_width / wide)
            text.set_fontsize(size)
    agg.draw()
    layer = np.asarray(agg.buffer_rgba(), np.float32)[:height, :width]
    alpha = layer[..., 3:] / 255
    return np.rint(canvas * (1 - alpha) + layer[..., :3] * alpha).astype(np.uint8)


def stack(pictures: Sequence[Image]) -> Image:
    """Put pictures below each other, left-aligned."""
    width = max(picture.shape[1] for picture in pictures)
    canvas = blank(sum(picture.shape[0] for picture in pictures), width)
    y = 0
    for picture in pictures:
        paste(canvas, picture, y, 0)
        y += picture.shape[0]
    return canvas


def resize_photo(picture: Image, height: int, width: int) -> Image:
    """Scale a photograph."""
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = height * width < picture.shape[0] * picture.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.uint8)


def resize_map(picture: Image, known: Mask, height: int, width: int) -> Image:
    """Scale a colored map: unknown pixels neither darken their neighbours nor hide sparse ones.

    A target pixel takes the mean color of the known pixels that it covers, black when it covers none.
    """
    rows, columns = known.shape
    if (rows, columns) == (height, width):
        return picture
    if height * width >= rows * columns:
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
    weight = known.astype(np.float32)
    share = cv2.resize(weight, (width, height), interpolation=cv2.INTER_AREA)
    total = cv2.resize(picture * weight[..., None], (width, height), interpolation=cv2.INTER_AREA)
    return np.rint(total / np.maximum(share, 1e-6)[..., None]).clip(0, 255).astype(np.uint8)
