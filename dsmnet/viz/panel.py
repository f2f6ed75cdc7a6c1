"""Panel of a pair: left view, prediction, ground truth and error, with numbers and legends."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dsmnet.errors import ShapeError
from dsmnet.metrics.error_sums import ErrorSums
from dsmnet.metrics.pixel_error import error_map
from dsmnet.types import DisparityMap, Image, Mask
from dsmnet.viz.canvas import MUTED, Label, blank, paste, resize_map, resize_photo, stack, write
from dsmnet.viz.color import color_disparity, color_error, disparity_range, grow, known_pixels
from dsmnet.viz.legend import disparity_bar, error_bar

TILE_AREA = 600 * 400  # pixels that a tile is scaled to, whatever the size of the images
TILE_LIMITS = (320, 960)  # pixels, width of a tile
ASPECT = 1.6  # width / height that the grid of tiles comes as near to as it can
GAP = 12  # pixels between tiles and around them
SPARSE = 0.5  # ground truth that knows less of the picture is drawn with larger dots


class PanelTile(NamedTuple):
    """A picture of the panel, already at its final size, with its name and what there is to say about it."""

    picture: Image
    title: str
    note: str = ""


def panel(
    left: Image | None,
    prediction: DisparityMap,
    target: DisparityMap | None = None,
    valid: Mask | None = None,
    right: Image | None = None,
    max_disparity: float | None = None,
    title: str | None = None,
) -> Image:
    """Draw left | right | prediction | ground truth | error in a grid; what is not given is left out.

    Prediction and ground truth share one range of colors: that of the ground truth where there is one.

    Args:
        left: RGB [H, W, 3].
        prediction: [H, W], pixels; 0 where unknown, which counts as a disparity of 0 against ground truth.
        target: [H, W], pixels.
        valid: Pixels whose ground truth is known; finite and positive ones without it.
        right: RGB, of any size.
        max_disparity: The disparity of the warmest color, pixels; a high percentile without it.
        title: A line above the grid.
    """
    for name, other in (("left image", left), ("ground truth", target), ("valid mask", valid)):
        if other is not None and other.shape[:2] != prediction.shape:
            raise ShapeError(
                f"{name} {other.shape[:2]} and disparity {prediction.shape} differ in size (height, width)"
            )
    mask = None if target is None else known_pixels(target, valid)
    limits = disparity_range(prediction if target is None else target, mask)
    if max_disparity is not None:
        limits = (min(limits[0], max_disparity / 2), float(max_disparity))
    size = tile_size(*prediction.shape)
    tiles = []
    if left is not None:
        tiles.append(PanelTile(resize_photo(left, *size), "left", f"{left.shape[1]} × {left.shape[0]}"))
    if right is not None:
        tiles.append(PanelTile(resize_photo(right, *size), "right"))
    tiles.append(prediction_tile(prediction, target, mask, limits, size))
    if target is not None and mask is not None:
        tiles.append(ground_truth_tile(target, mask, limits, size))
        tiles.append(error_tile(prediction, target, mask, size))
    return _finish(tiles, limits, title)


def tile_size(height: int, width: int, area: int = TILE_AREA) -> tuple[int, int]:
    """Return height and width at which pictures of any size make tiles of about the same area, pixels."""
    scale = (area / (height * width)) ** 0.5
    scale = min(scale, TILE_LIMITS[1] / width, TILE_LIMITS[1] / height)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def grid_columns(count: int, height: int, width: int) -> int:
    """Return into how many columns `count` tiles go: no gaps if possible, near a screen's shape."""

    def cost(columns: int) -> float:
        rows = -(-count // columns)
        shape = abs(np.log(columns * width / (rows * height) / ASPECT))
        return float(shape + (rows * columns - count))

    return min(range(1, count + 1), key=cost)


def prediction_tile(
    prediction: DisparityMap,
    target: DisparityMap | None,
    mask: Mask | None,
    limits: tuple[float, float],
    size: tuple[int, int],
) -> PanelTile:
    """Draw a prediction at a size (height, width), with EPE and bad-3 where there is ground truth."""
    known = known_pixels(prediction)
    picture = resize_map(color_disparity(prediction, limits, known), known, *size)
    notes = [] if target is None or mask is None else [error_note(prediction, target, mask)]
    if known.mean() < 0.9995:
        notes.append(f"{1 - known.mean():.1%} unknown")
    return PanelTile(picture, "disparity" if target is None else "prediction", "   ".join(notes))


def error_note(prediction: DisparityMap, target: DisparityMap, mask: Mask) -> str:
    """Return EPE (pixels) and bad-3 (percent) over the mask, as a caption."""
    if not mask.any():
        return "no known ground truth"
    scores = _scores(prediction, target, mask)
    return f"EPE {scores['epe']:.2f} px   bad-3 {scores['bad3']:.1f}%"


def ground_truth_tile(
    target: DisparityMap, mask: Mask, limits: tuple[float, float], size: tuple[int, int]
) -> PanelTile:
    """Draw the ground truth at a size (height, width); sparse ground truth with larger dots."""
    values, reached = grow(np.where(mask, target, 0).astype(np.float32), mask, _dot_radius(mask))
    picture = resize_map(color_disparity(values, limits, reached), reached, *size)
    return PanelTile(picture, "ground truth", f"{mask.mean():.0%} known")


def error_tile(
    prediction: DisparityMap, target: DisparityMap, mask: Mask, size: tuple[int, int]
) -> PanelTile:
    """Draw the errors at a size (height, width), with D1; sparse ones with larger dots."""
    picture = color_error(prediction, target, mask, spread=_dot_radius(mask))
    tile = resize_map(picture, np.asarray(picture.any(axis=-1)), *size)
    if not mask.any():
        return PanelTile(tile, "error")
    return PanelTile(tile, "error", f"D1 {_scores(prediction, target, mask)['d1']:.1f}%")


def _scores(prediction: DisparityMap, target: DisparityMap, mask: Mask) -> dict[str, float]:
    return ErrorSums.from_errors(error_map(prediction, target)[mask], target[mask]).scores()


def _dot_radius(mask: Mask) -> int:
    return int(mask.mean() < SPARSE)


def _finish(tiles: list[PanelTile], limits: tuple[float, float], title: str | None) -> Image:
    """Put the tiles with their captions into a grid, a title above and the legends below."""
    font = 15
    head, caption = (int(2.6 * font) if title else GAP), 2 * font
    height, picture_width = tiles[0].picture.shape[:2]
    width = max(picture_width, TILE_LIMITS[0])  # room for the caption of a narrow picture
    columns = grid_columns(len(tiles), height + caption, width)
    rows = -(-len(tiles) // columns)
    total = columns * (width + GAP) + GAP
    legends = _legends(total - 2 * GAP, limits, with_error=tiles[-1].title == "error")
    bottom = head + rows * (height + caption + GAP // 2)
    canvas = blank(bottom + legends.shape[0] + GAP, total)
    labels = []
    if title:
        labels.append(Label(GAP, head / 2, title, font * 1.2, bold=True, max_width=total - 2 * GAP))
    for i, tile in enumerate(tiles):
        y = head + (i // columns) * (height + caption + GAP // 2)
        x = GAP + (i % columns) * (width + GAP)
        paste(canvas, tile.picture, y + caption, x + (width - picture_width) // 2)
        labels.append(Label(x, y + caption / 2, tile.title, font, bold=True, max_width=width * 0.28))
        right = x + width
        labels.append(Label(right, y + caption / 2, tile.note, font, MUTED, "right", max_width=width * 0.7))
    paste(canvas, legends, bottom + GAP // 2, GAP)
    return write(canvas, labels)


def _legends(width: int, limits: tuple[float, float], with_error: bool) -> Image:
    """Draw the color bars: beside each other where there is room."""
    if not with_error:
        return disparity_bar(width, limits)
    if width < 2 * TILE_LIMITS[0]:
        return stack([disparity_bar(width, limits), error_bar(width)])
    half = (width - GAP) // 2
    left, right = disparity_bar(half, limits), error_bar(half)
    return np.hstack([left, blank(left.shape[0], width - 2 * half), right])
