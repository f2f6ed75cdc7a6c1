"""A contact sheet: many pairs at a glance, to see whether a data set is read as it should be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dsmnet.types import Image, Mask, StereoSample
from dsmnet.viz.canvas import MUTED, Label, blank, paste, resize_map, resize_photo, write
from dsmnet.viz.color import color_disparity, disparity_range, grow, known_pixels
from dsmnet.viz.panel import GAP, SPARSE, grid_columns, tile_size

TILE_AREA = 300 * 200  # pixels of one picture of a pair
MIN_TILE_WIDTH = 140  # pixels; four of them hold a caption
OCCLUDED = np.array((255, 128, 32), np.uint8)  # orange: known, but hidden from the right view
FONT = 13
CAPTION = 2 * FONT


def sheet(samples: Sequence[StereoSample], title: str | None = None) -> Image:
    """Draw pairs below and beside each other, each as left | right | disparity | occlusion.

    The range of colors is each pair's own; its caption says it. The last picture shows what both views see
    in grey, what is known but occluded in orange, what is unknown in black; without a mask it is left out.
    """
    if not samples:
        raise ValueError("a contact sheet needs at least one sample")
    strips = [_strip(sample) for sample in samples]
    height = max(strip.shape[0] for strip in strips)
    width = max(strip.shape[1] for strip in strips)
    columns = grid_columns(len(strips), height + CAPTION + GAP, width)
    rows = -(-len(strips) // columns)
    head = 3 * FONT if title else GAP
    canvas = blank(head + rows * (height + CAPTION + GAP // 2) + GAP, columns * (width + 2 * GAP))
    labels = []
    if title:
        labels.append(Label(GAP, head / 2, title, FONT * 1.4, bold=True, max_width=canvas.shape[1] - 2 * GAP))
    for i, (sample, strip) in enumerate(zip(samples, strips, strict=True)):
        y = head + (i // columns) * (height + CAPTION + GAP // 2)
        x = GAP + (i % columns) * (width + 2 * GAP)
        paste(canvas, strip, y + CAPTION, x)
        middle = y + CAPTION / 2
        labels.append(Label(x, middle, sample["name"], FONT, bold=True, max_width=width * 0.4))
        right = x + strip.shape[1]
        labels.append(Label(right, middle, caption(sample), FONT, MUTED, "right", max_width=width * 0.6))
    return write(canvas, labels)


def caption(sample: StereoSample) -> str:
    """Say what a pair holds: size, range of disparities (pixels), shares of known and of visible pixels."""
    height, width = sample["left"].shape[:2]
    notes = [f"{width} × {height}"]
    if "disparity" in sample:
        known = known_pixels(sample["disparity"], sample.get("valid"))
        values = sample["disparity"][known]
        notes.append(f"{values.min():.1f} to {values.max():.1f} px" if values.size else "no known pixel")
        notes.append(f"{known.mean():.0%} known")
        if "noc" in sample:
            notes.append(f"{sample['noc'].mean():.0%} visible")
    return "   ".join(notes)


def color_occlusion(left: Image, known: Mask, noc: Mask) -> Image:
    """Draw what both views see in grey, what is occluded in orange, what is unknown in black."""
    grey = 64 + 0.75 * left.mean(axis=-1, keepdims=True)
    picture = np.repeat(grey, 3, axis=-1).clip(0, 255).astype(np.uint8)
    picture[known & ~noc] = OCCLUDED
    picture[~known] = 0
    return picture


def _strip(sample: StereoSample) -> Image:
    """Put the pictures of one pair side by side."""
    rows, columns = sample["left"].shape[:2]
    height, width = tile_size(rows, columns, TILE_AREA)
    tiles = [resize_photo(sample["left"], height, width), resize_photo(sample["right"], height, width)]
    if "disparity" in sample:
        known = known_pixels(sample["disparity"], sample.get("valid"))
        limits = disparity_range(sample["disparity"], known)
        values = np.where(known, sample["disparity"], 0).astype(np.float32)
        values, reached = grow(values, known, int(known.mean() < SPARSE))
        tiles.append(resize_map(color_disparity(values, limits, reached), reached, height, width))
        if "noc" in sample:
            picture = color_occlusion(sample["left"], known, sample["noc"])
            tiles.append(resize_map(picture, known, height, width))
    cell = max(width, MIN_TILE_WIDTH)
    strip = blank(height, len(tiles) * (cell + GAP // 3) - GAP // 3)
    for i, tile in enumerate(tiles):
        paste(strip, tile, 0, i * (cell + GAP // 3) + (cell - width) // 2)
    return strip
