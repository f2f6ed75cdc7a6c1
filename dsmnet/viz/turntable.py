"""A point cloud seen from several sides: a sheet of views, and a film that swings around it."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from dsmnet.protocols import Image
from dsmnet.viz.canvas import FOREGROUND, MUTED, Label, blank, paste, resize, write
from dsmnet.viz.cloud import Cloud
from dsmnet.viz.panel import GAP, grid_columns, tile_size
from dsmnet.viz.splat import Pinhole, splat

# Degrees to the right of the left camera and above it. The cloud is what that camera saw: from farther
# aside there is more gap than scene.
VIEWS = ((-25.0, 0.0), (-12.0, 0.0), (0.0, 0.0), (12.0, 0.0), (25.0, 0.0), (0.0, 20.0))
TILE_AREA = 480 * 360  # pixels of a view on the sheet
FRAME_AREA = 400 * 300  # pixels of the film
FRAMES = 30
FRAME_TIME = 100  # milliseconds
FRAME_QUALITY = 60  # percent
SWING = (22.0, 7.0)  # degrees: how far the film goes to each side, and how high it rises
FONT = 14
_THINNED = 1.9  # how much wider than their mean distance the gaps of a thinned cloud may be
_STRETCH = 2.0  # how fast the gaps between points grow with the sine of the angle


def view(cloud: Cloud, yaw: float, pitch: float, area: int | None = None) -> Image:
    """Draw a cloud from a camera that has gone round its middle.

    Args:
        cloud: what to draw.
        yaw: degrees to the right; 0 and a `pitch` of 0 give the image that the cloud was made of.
        pitch: degrees upwards.
        area: pixels of the picture at most; one per point of the image without it.

    Returns:
        RGB, with the proportions of the left view.
    """
    camera = _scaled(cloud.camera, 1 / cloud.step)
    middle = np.array(cloud.middle, np.float32)
    points = (cloud.points - middle) @ rotation(yaw, pitch).T.astype(np.float32) + middle
    aside = math.sin(math.radians(math.hypot(yaw, pitch)))
    gaps = 1.0 if cloud.step == 1 else _THINNED
    sizes = cloud.points[:, 2] * np.float32((gaps + _STRETCH * aside) / camera.focal)
    picture = splat(points, cloud.colours, sizes, camera)
    size = camera.height, camera.width
    return resize(picture, *tile_size(*size, area)) if area and area < math.prod(size) else picture


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
