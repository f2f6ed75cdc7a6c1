"""A point cloud seen from several sides: a sheet of views, and a film that swings around it."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from dsmnet.types import Image
from dsmnet.viz.canvas import FOREGROUND, MUTED, Label, blank, paste, resize, write
from dsmnet.viz.cloud import UNEVEN, Cloud, Pinhole, Points
from dsmnet.viz.panel import GAP, grid_columns, tile_size
from dsmnet.viz.splat import splat

# Degrees to the right of the left camera and above it. The cloud is what that camera saw: from farther
# aside there is more gap than scene.
VIEWS = ((-25.0, 0.0), (-12.0, 0.0), (0.0, 0.0), (12.0, 0.0), (25.0, 0.0), (0.0, 20.0))
TILE_AREA = 480 * 360  # pixels of a view on the sheet
FRAME_AREA = 400 * 300  # pixels of the film
FILM_POINTS = 200_000  # more would not be seen in pictures of that size
FRAMES = 24
FRAME_TIME = 120  # milliseconds
FRAME_QUALITY = 60  # percent
SWING = (22.0, 7.0)  # degrees: how far the film goes to each side, and how high it rises
FONT = 14


def view(cloud: Cloud, yaw: float, pitch: float, area: int | None = None) -> Image:
    """Draw a cloud from a camera that has gone round its middle.

    Args:
        cloud: what to draw.
        yaw: Degrees to the right; 0 and a `pitch` of 0 give the image that the cloud was made of.
        pitch: Degrees upwards.
        area: Pixels of the picture at most; one per point of the image without it.

    Returns:
        RGB, with the proportions of the left view.
    """
    camera = _scaled(cloud.camera, 1 / cloud.step)
    size = camera.height, camera.width
    picture = splat(*_projected(cloud, camera, rotation(yaw, pitch)), size)
    return resize(picture, *tile_size(*size, area)) if area and area < math.prod(size) else picture


def _projected(
    cloud: Cloud, camera: Pinhole, turn: NDArray[np.float64]
) -> tuple[Points, Image, NDArray[np.float32]]:
    """Return what `splat` draws: where points fall, their colors, and how far their neighbours are.

    In x / z, y / z and 1 / z a camera is linear but for one division, and so is the way to the next pixel on
    a surface, whatever its slant.
    """
    middle = np.array(cloud.middle)
    project = np.array([[camera.focal, 0, camera.cx], [0, camera.focal, camera.cy], [0, 0, 1]])
    axes = (project @ turn).astype(np.float32)
    away = (project @ (middle - turn @ middle)).astype(np.float32)  # goes with 1 / z
    seen = cloud.points @ axes.T + away
    with np.errstate(divide="ignore", invalid="ignore"):  # beside the camera; not drawn
        places = seen / seen[:, 2:]
    places[:, 2] = seen[:, 2]
    extents = np.zeros((len(seen), 2), np.float32)
    for pixel in (0, 1):  # right, down
        slope = cloud.slopes[:, pixel] * np.float32(cloud.step)
        on = axes[:, pixel] / np.float32(camera.focal) + np.outer(slope, away)
        beside = seen + on * cloud.points[:, 2:]
        with np.errstate(divide="ignore", invalid="ignore"):
            far = np.abs(beside[:, :2] / beside[:, 2:] - places[:, :2])
        extents = np.fmax(extents, np.where(beside[:, 2:] > 0, far, 0))
    return places, cloud.colors, extents * np.float32(1 if cloud.step == 1 else UNEVEN)


def rotation(yaw: float, pitch: float) -> NDArray[np.float64]:
    """Return the rotation [3, 3] into the frame of a camera gone right by `yaw`, up by `pitch`, degrees."""
    a, b = math.radians(yaw), math.radians(pitch)
    right = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
    up = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    return up @ right


def turntable(cloud: Cloud) -> Image:
    """Draw the cloud from the six directions of `VIEWS`, each with its angle below it.

    Returns:
        RGB.
    """
    tiles = [view(cloud, yaw, pitch, TILE_AREA) for yaw, pitch in VIEWS]
    height, width = tiles[0].shape[:2]
    columns = grid_columns(len(tiles), height + 2 * FONT, width)
    rows = -(-len(tiles) // columns)
    canvas = blank(rows * (height + 2 * FONT + GAP) + GAP, columns * (width + GAP) + GAP)
    labels = []
    for i, (tile, (yaw, pitch)) in enumerate(zip(tiles, VIEWS, strict=True)):
        y, x = GAP + i // columns * (height + 2 * FONT + GAP), GAP + i % columns * (width + GAP)
        paste(canvas, tile, y, x)
        here = yaw == pitch == 0
        labels.append(
            Label(
                x + width / 2,
                y + height + FONT,
                _caption(yaw, pitch),
                FONT,
                FOREGROUND if here else MUTED,
                "center",
                max_width=width,
            )
        )
    return write(canvas, labels)


def film(cloud: Cloud) -> bytes:
    """Return an endless animated WebP: from the left view to both sides and above, and back."""
    frames = [PilImage.fromarray(frame) for frame in _frames(cloud)]
    data = io.BytesIO()
    frames[0].save(
        data,
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=FRAME_TIME,
        loop=0,
        quality=FRAME_QUALITY,
        method=2,
    )
    return data.getvalue()


def _frames(cloud: Cloud) -> Iterator[Image]:
    aside, up = SWING
    for turn in np.linspace(0, 2 * math.pi, FRAMES, endpoint=False):
        yield view(cloud, aside * math.sin(turn), up / 2 * (1 - math.cos(turn)), FRAME_AREA)


def _caption(yaw: float, pitch: float) -> str:
    parts = [f"{abs(yaw):g}° to the {'right' if yaw > 0 else 'left'}"] if yaw else []
    parts += [f"{abs(pitch):g}° {'above' if pitch > 0 else 'below'}"] if pitch else []
    return ", ".join(parts) or "left view"


def _scaled(camera: Pinhole, factor: float) -> Pinhole:
    """Return the camera with a picture that is larger by `factor`."""
    height, width = (max(1, round(size * factor)) for size in (camera.height, camera.width))
    cx, cy = ((centre + 0.5) * factor - 0.5 for centre in (camera.cx, camera.cy))
    return Pinhole(height, width, camera.focal * factor, cx, cy)
