"""Grey tiles that repeat seamlessly: noise, cells, stripes, checks, bricks, leaves, text and others."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.synthetic.alpha_masks import Bytes
from dsmnet.synthetic.geometry import Floats
from dsmnet.synthetic.texture import TILE

Pattern = Callable[[np.random.Generator], Bytes]

_FRACTION_BITS = 4  # OpenCV draws at 1/16 pixel


def spectral_noise(rng: np.random.Generator, exponent: float, stretch: float = 1.0) -> Floats:
    """Return noise [TILE, TILE] of mean 0 and variance 1 whose amplitude falls as frequency ** -exponent.

    `stretch` above 1 draws it out along x, as grain in wood.
    """
    fy = np.fft.fftfreq(TILE)[:, None]
    fx = np.fft.rfftfreq(TILE)[None] * stretch
    frequency = np.sqrt(fx * fx + fy * fy)
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE))) * frequency**-exponent
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, s=(TILE, TILE))
    return (noise / noise.std()).astype(np.float32)


def _to_bytes(values: NDArray[np.floating], spread: float = 2.2) -> Bytes:
    return np.clip(127.5 + values * (127.5 / spread), 0, 255).astype(np.uint8)


def _overlay(rng: np.random.Generator, drawing: NDArray[np.floating], grit: float) -> Bytes:
    """Roughen a drawing [TILE, TILE] of values 0..255 with noise of standard deviation `grit`."""
    rough = spectral_noise(rng, rng.uniform(0.6, 1.4)) * np.float32(grit)
    return np.clip(drawing + rough, 0, 255).astype(np.uint8)


def noise(rng: np.random.Generator) -> Bytes:
    """Clouds to sand, by the fall of the spectrum."""
    return _to_bytes(spectral_noise(rng, rng.uniform(0.4, 1.7)))


def marble(rng: np.random.Generator) -> Bytes:
    """Veins: a sine of noise."""
    base = spectral_noise(rng, rng.uniform(1.3, 2.0))
    return _to_bytes(np.sin(base * np.float32(rng.uniform(2, 6))) + 0.2 * spectral_noise(rng, 0.8), 1.4)


def wood(rng: np.random.Generator) -> Bytes:
    """Noise drawn out along one direction."""
    grain = spectral_noise(rng, rng.uniform(0.8, 1.4), stretch=rng.uniform(5, 20))
    tile = _to_bytes(grain + 0.3 * spectral_noise(rng, 1.2))
    return tile if rng.random() < 0.7 else np.ascontiguousarray(tile.T)


def blots(rng: np.random.Generator) -> Bytes:
    """Flat regions with ragged borders: camouflage, maps, stains."""
    base = spectral_noise(rng, rng.uniform(1.1, 1.9))
    steps = int(rng.integers(2, 6))
    flat = np.floor((np.clip(base, -2, 2) + 2) / 4 * steps) / steps * 230
    return _overlay(rng, np.asarray(cv2.GaussianBlur(flat, (0, 0), 0.7), np.float64), rng.uniform(2, 14))


def cells(rng: np.random.Generator) -> Bytes:
    """Distance to scattered points: pebbles, leather, cracked earth."""
    seeds = np.full((TILE, TILE), 255, np.uint8)
    count = int(rng.integers(20, 400))
    seeds[rng.integers(0, TILE, count), rng.integers(0, TILE, count)] = 0
    around = cv2.copyMakeBorder(seeds, 64, 64, 64, 64, cv2.BORDER_WRAP)
    distance = np.asarray(cv2.distanceTransform(around, cv2.DIST_L2, 5), np.float64)[64:-64, 64:-64]
    value = 235 * (1 - distance / max(float(distance.max()), 1.0))
    return _overlay(rng, value, rng.uniform(2, 15))


def dead_leaves(rng: np.random.Generator) -> Bytes:
    """Opaque discs, squares and ellipses of scale-free sizes, one upon another."""
    canvas = np.full((TILE, TILE), 128, np.uint8)
    shape = int(rng.integers(0, 3))
    for _ in range(int(rng.integers(150, 420))):
        radius = min(3.0 / (1 - rng.random()) ** 0.55, 60.0)
        points = _outline(rng, shape, radius) + rng.uniform(0, TILE, 2)
        _fill_wrapped(canvas, points, int(rng.integers(5, 250)))
    return _overlay(rng, canvas.astype(np.float32), rng.uniform(0, 12))


def foliage(rng: np.random.Generator) -> Bytes:
    """Many small pointed leaves, the later the brighter."""
    canvas = np.full((TILE, TILE), 25, np.uint8)
    count, size = int(rng.integers(300, 700)), rng.uniform(4, 13)
    for i in range(count):
        length = size * rng.uniform(0.6, 1.4)
        half = length * rng.uniform(0.2, 0.5)
        angle = rng.uniform(0, 2 * math.pi)
        leaf = np.array([[-length, 0], [-0.3 * length, half], [length, 0], [-0.3 * length, -half]])
        points = leaf @ _rotation(angle) + rng.uniform(0, TILE, 2)
        _fill_wrapped(canvas, points, int(40 + 190 * i / count * rng.uniform(0.5, 1)))
    return canvas


def stripes(rng: np.random.Generator) -> Bytes:
    """Parallel bands of one, two or three widths, sharp or smooth."""
    position = np.arange(TILE) / TILE
    wave = np.zeros(TILE)
    for _ in range(int(rng.integers(1, 4))):
        frequency = round(2 ** rng.uniform(1, 5.3))
        wave += rng.uniform(0.3, 1) * np.sin(2 * math.pi * (frequency * position + rng.random()))
    wave /= np.abs(wave).max()
    if rng.random() < 0.6:
        wave = np.tanh(wave * rng.uniform(3, 12))
    return _overlay(rng, np.tile(127 + 110 * wave, (TILE, 1)), rng.uniform(0, 14))


def checks(rng: np.random.Generator) -> Bytes:
    """Chessboards, tartans and dots, at many scales."""
    fx, fy = (round(2 ** rng.uniform(1, 4.6)) for _ in range(2))
    if rng.random() < 0.6:
        fy = fx
    wx, wy = (np.sin(2 * math.pi * (f * np.arange(TILE) / TILE + rng.random())) for f in (fx, fy))
    sharp = rng.uniform(1, 8)
    style = int(rng.integers(0, 3))
    if style == 0:
        board = np.tanh(sharp * np.outer(wy, wx))
    elif style == 1:
        board = (np.tanh(sharp * wy)[:, None] + np.tanh(sharp * wx)[None]) / 2
    else:
        board = np.tanh(sharp * (wy[:, None] + wx[None] - rng.uniform(0.2, 1.4)))
    return _overlay(rng, 127 + 110 * board, rng.uniform(0, 14))


def bricks(rng: np.random.Generator) -> Bytes:
    """Rows of stones with joints, every second row shifted; planks and floor tiles with other counts."""
    rows = int(rng.choice([4, 6, 8, 12, 16]))
    columns = int(rng.choice([1, 2, 3, 4, 6, 8]))
    shift = float(rng.choice([0.0, 0.5]))
    y = (np.arange(TILE) + 0.5) / TILE * rows
    row = np.floor(y).astype(int)
    x = ((np.arange(TILE) + 0.5) / TILE * columns)[None] + (row % 2 * shift)[:, None]
    column = np.floor(x).astype(int) % columns
    stone = rng.uniform(90, 90 + rng.uniform(10, 130), (rows, columns))[row[:, None], column]
    joint = rng.uniform(1.2, 4)
    gap_x = np.minimum(x % 1, 1 - x % 1) * TILE / columns
    gap_y = (np.minimum(y % 1, 1 - y % 1) * TILE / rows)[:, None]
    edge = np.clip(np.minimum(gap_x, gap_y) / joint, 0, 1)
    return _overlay(rng, stone * edge + rng.uniform(20, 230) * (1 - edge), rng.uniform(3, 18))


def windows(rng: np.random.Generator) -> Bytes:
    """A facade: bays and storeys of windows with frames, cross-bars and sills."""
    bays, storeys = int(rng.choice([2, 4])), int(rng.choice([2, 4]))
    canvas = np.full((TILE, TILE), rng.uniform(120, 200), np.float32)
    width, height = TILE / bays, TILE / storeys
    w, h = width * rng.uniform(0.35, 0.75), height * rng.uniform(0.4, 0.75)
    frame, glass = rng.uniform(200, 250), rng.uniform(10, 70)
    for i in range(bays):
        for j in range(storeys):
            x0, y0 = round(i * width + (width - w) / 2), round(j * height + (height - h) / 2)
            x1, y1 = round(x0 + w), round(y0 + h)
            canvas[y0 - 2 : y1 + 3, x0 - 2 : x1 + 3] = frame
            canvas[y0:y1, x0:x1] = np.clip(glass + rng.uniform(-10, 60), 0, 255)
            canvas[y0:y1, (x0 + x1) // 2 - 1 : (x0 + x1) // 2 + 1] = frame
            canvas[(2 * y0 + y1) // 3 - 1 : (2 * y0 + y1) // 3 + 1, x0:x1] = frame
            canvas[y1 + 3 : y1 + 7, x0 - 5 : x1 + 6] = 90
        if rng.random() < 0.3:
            canvas[:, round(i * width) : round(i * width) + 3] = 80
    return _overlay(rng, canvas, rng.uniform(2, 12))


def text(rng: np.random.Generator) -> Bytes:
    """Lines of letters and figures."""
    paper, ink = (235, 25) if rng.random() < 0.7 else (30, 225)
    canvas = np.full((TILE, TILE), paper, np.uint8)
    letters = np.array(list("ABCDEFGHIKLMNOPRSTUVWXYZabcdefghiklmnoprstuvwxyz0123456789.,:- "))
    y = 0.0
    while y < TILE - 6:
        scale = rng.uniform(0.3, 1.4) if rng.random() < 0.3 else 0.4
        y += 26 * scale + 3
        line = "".join(rng.choice(letters, int(rng.integers(4, 40))))
        origin = (int(rng.integers(0, 60)), int(min(y, TILE - 5)))
        thickness = 1 + int(scale > 0.8)
        cv2.putText(canvas, line, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, thickness, cv2.LINE_AA)
    return _overlay(rng, canvas.astype(np.float32), rng.uniform(0, 8))


def lines(rng: np.random.Generator) -> Bytes:
    """Strokes across a ground of blots: cracks, maps, drawings."""
    canvas = (blots(rng) // 2 + 90).astype(np.uint8)
    for _ in range(int(rng.integers(8, 60))):
        start, spread, corners = rng.uniform(0, TILE, 2), rng.uniform(4, 18), int(rng.integers(3, 12))
        points = start + np.cumsum(rng.normal(0, spread, (corners, 2)), 0)
        value, thickness = int(rng.integers(0, 256)), int(rng.integers(1, 4))
        for path in _copies(points):
            cv2.polylines(canvas, [path], False, value, thickness, cv2.LINE_AA, _FRACTION_BITS)
    return canvas


_ALL: tuple[Pattern, ...] = (
    noise, marble, wood, blots, cells, dead_leaves, foliage, stripes, checks, bricks, windows, text, lines,
)  # fmt: skip
PATTERNS: dict[str, Pattern] = {pattern.__name__: pattern for pattern in _ALL}


def _outline(rng: np.random.Generator, shape: int, radius: float) -> NDArray[np.float64]:
    if shape == 1:
        angles = rng.uniform(0, math.pi) + np.linspace(0, 2 * math.pi, 4, endpoint=False)
    else:
        angles = np.linspace(0, 2 * math.pi, 16, endpoint=False)
    points = np.stack([np.cos(angles), np.sin(angles)], 1) * radius
    if shape == 2:
        turn = rng.uniform(0, math.pi)
        points[:, 1] *= rng.uniform(0.2, 0.7)
        points = points @ _rotation(turn)
    return points


def _rotation(angle: float) -> NDArray[np.float64]:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def _copies(points: NDArray[np.float64]) -> Iterator[NDArray[np.int32]]:
    """Yield a polygon, in OpenCV's fixed-point numbers, at every move by a tile that shows on the tile."""
    low, high = points.min(axis=0), points.max(axis=0)
    moves = [[m for m in (-TILE, 0, TILE) if high[k] + m > -4 and low[k] + m < TILE + 4] for k in (0, 1)]
    for move in itertools.product(*moves):
        yield np.round((points + move) * 2**_FRACTION_BITS).astype(np.int32)


def _fill_wrapped(canvas: Bytes, points: NDArray[np.float64], value: int) -> None:
    for outline in _copies(points):
        cv2.fillConvexPoly(canvas, outline, value, cv2.LINE_AA, _FRACTION_BITS)
