"""The user's own pictures as textures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from dsmnet.errors import DataError, FormatError
from dsmnet.synthetic.alpha_masks import Bytes
from dsmnet.synthetic.texture import TILE, Mipmap

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm")
_FADE = 48  # texels over which opposite edges of a crop are blended


def list_photographs(folder: str | Path) -> list[Path]:
    """Return the pictures under a folder, sorted.

    Raises:
        DataError: The folder is missing, or holds no picture.
        FormatError: A file with the name of a picture is none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f"textures: {folder} is not a folder; expected one with pictures ({' '.join(SUFFIXES)})"
        )
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not found:
        raise DataError(f"textures: no picture under {folder}; expected files ending in {' '.join(SUFFIXES)}")
    for path in found:
        if not cv2.haveImageReader(str(path)):  # looks at the first bytes only
            raise FormatError(f"textures: {path} is not a picture, in spite of its name")
    return found


def load_photographs(paths: list[Path], rng: np.random.Generator, count: int) -> list[Mipmap]:
    """Cut `count` tiles at random places and scales out of pictures.

    Raises:
        FormatError: A file is not a picture that OpenCV can read.
    """
    chosen = [paths[i] for i in rng.permutation(len(paths))[:count]]
    textures = []
    for k, path in enumerate(chosen):
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            raise FormatError(f"textures: {path} cannot be read as a picture")
        crops = count // len(chosen) + (k < count % len(chosen))
        textures += [
            Mipmap.from_tile(seamless_crop(np.asarray(picture, np.uint8), rng)) for _ in range(crops)
        ]
    return textures


def seamless_crop(picture: Bytes, rng: np.random.Generator) -> Bytes:
    """Return a random crop of a BGR picture as a tile [TILE, TILE, 4] (RGB) whose opposite edges meet."""
    size = TILE + _FADE
    short = min(picture.shape[:2])
    side = int(min(size * np.exp(rng.uniform(0, 1.2)), short))
    y = int(rng.integers(0, picture.shape[0] - side + 1))
    x = int(rng.integers(0, picture.shape[1] - side + 1))
    method = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    square = cv2.resize(picture[y : y + side, x : x + side], (size, size), interpolation=method)
    crop = np.asarray(square, np.uint8)
    fade = np.linspace(0, 1, _FADE, dtype=np.float32)[None, :, None]
    for _ in range(2):  # columns, then rows
        wide = crop.astype(np.float32)
        wide[:, :_FADE] = wide[:, :_FADE] * fade + wide[:, TILE:] * (1 - fade)
        crop = wide[:, :TILE].astype(np.uint8).transpose(1, 0, 2)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_BGR2RGBA), np.uint8)
