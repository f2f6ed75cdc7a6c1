"""Materials: the bank of texture tiles, the palette of one scene, and the families that combine them."""

from __future__ import annotations

import bisect
import colorsys
import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsmnet.synthetic.geometry import Plane, Rig, dot
from dsmnet.synthetic.patterns import PATTERNS
from dsmnet.synthetic.texture import TILE, Mipmap, Texture

Color = NDArray[np.float64]  # [3], RGB, 0..255

_PER_PATTERN = 10  # tiles


@dataclass(frozen=True)
class MaterialFamily:
    """Which patterns a kind of material has, how strong, how coarse, in which colors."""

    patterns: dict[str, float] | None = None  # relative weights; None: those of the data set
    contrast: tuple[float, float] = (0.2, 1.0)
    texel: tuple[float, float] = (0.35, 1.5)  # pixels per texel where the surface is looked at
    level: bool = False  # the pattern lies level, as on walls; else it is turned at random
    saturation: float = 1.0
    brightness: tuple[float, float] = (30, 225)
    color: tuple[int, int, int] | None = None  # instead of one from the palette
    photographs: bool = True  # whether the user's pictures may take its place


FAMILIES = {
    "any": MaterialFamily(),
    "flat": MaterialFamily({"noise": 2, "wood": 1, "blots": 1}, contrast=(0.02, 0.25), texel=(0.5, 2.5)),
    "wall": MaterialFamily(
        {"noise": 3, "bricks": 3, "wood": 1, "stripes": 1, "checks": 1, "blots": 1, "lines": 1},
        contrast=(0.05, 0.7), level=True, saturation=0.6, brightness=(80, 230),
    ),
    "facade": MaterialFamily(
        {"windows": 6, "bricks": 2, "noise": 1}, contrast=(0.4, 1.0), level=True, texel=(0.35, 1.2),
        saturation=0.6, brightness=(70, 200),
    ),
    "ground": MaterialFamily(
        {"noise": 4, "cells": 2, "bricks": 3, "foliage": 1, "blots": 1, "wood": 1, "checks": 0.7, "lines": 1},
        contrast=(0.2, 0.9), saturation=0.5, texel=(0.4, 1.5), level=True,
    ),
    "asphalt": MaterialFamily(
        {"noise": 5, "cells": 1, "lines": 1}, contrast=(0.1, 0.5), saturation=0.15, brightness=(50, 140),
        texel=(0.4, 1.5),
    ),
    "sky": MaterialFamily(
        {"noise": 1, "marble": 0.2}, contrast=(0.0, 0.2), texel=(3, 8), brightness=(150, 250), saturation=0.5,
        photographs=False,
    ),
    "leaves": MaterialFamily(
        {"foliage": 4, "noise": 1, "dead_leaves": 1}, contrast=(0.5, 1.0), texel=(0.35, 1.4),
        brightness=(50, 140), color=(90, 120, 50), photographs=False,
    ),
    "bark": MaterialFamily(
        {"wood": 3, "noise": 2, "cells": 1}, contrast=(0.2, 0.7), saturation=0.5, brightness=(40, 120),
    ),
    "furniture": MaterialFamily(
        {"wood": 5, "noise": 1, "checks": 0.5, "stripes": 0.5, "text": 0.5}, contrast=(0.1, 0.8), level=True,
    ),
    "paper": MaterialFamily(
        {"text": 4, "lines": 2, "dead_leaves": 2, "checks": 1, "stripes": 1, "blots": 1, "windows": 0.5},
        contrast=(0.5, 1.0), level=True, texel=(0.3, 1.2),
    ),
    "paint": MaterialFamily(
        {"noise": 2, "blots": 1, "wood": 1}, contrast=(0.03, 0.4), texel=(0.5, 2), brightness=(20, 240),
    ),
    # Of the hard cases:
    "plain": MaterialFamily(
        {"noise": 1}, contrast=(0.005, 0.04), texel=(0.6, 4), brightness=(110, 250), saturation=0.5,
        photographs=False,
    ),
    "uniform": MaterialFamily(None, (0, 0), brightness=(110, 250), saturation=0.5, photographs=False),
    "white": MaterialFamily(None, (0, 0), brightness=(205, 255), saturation=0.3, photographs=False),
    "thin": MaterialFamily(None, (0, 0), brightness=(5, 250), saturation=1.5, photographs=False),
    "green": MaterialFamily(None, (0, 0), color=(90, 120, 50), photographs=False),
    "lacquer": MaterialFamily(None, (0, 0), brightness=(5, 70), saturation=1.2, photographs=False),
    "paving": MaterialFamily(
        {"bricks": 3, "checks": 2}, contrast=(0.2, 0.8), texel=(0.4, 2.0), level=True, saturation=0.6,
        brightness=(60, 200), photographs=False,
    ),
}  # fmt: skip


class Palette:
    """The colors that the props of one scene share."""

    def __init__(self, rng: np.random.Generator, vivid: bool = False) -> None:
        self.rng = rng
        earth = rng.normal(0.09, 0.05, 2).tolist()  # much of the world is between red and yellow
        self.hues = [*earth, *rng.uniform(0, 1, 2).tolist()]
        self.saturation = float(rng.uniform(0.05, 0.45)) + 0.25 * vivid

    def color(self, saturation: float = 1.0, brightness: tuple[float, float] = (30, 225)) -> Color:
        """Draw one color."""
        hue = self.hues[int(4 * self.rng.random())] + 0.02 * self.rng.standard_normal()
        strength = min(self.saturation * saturation * (0.2 + 1.6 * self.rng.random()), 1.0)
        value = brightness[0] + (brightness[1] - brightness[0]) * self.rng.random()
        return np.array(colorsys.hsv_to_rgb(hue % 1, strength, value))


class TextureBank:
    """Every texture tile of the scenes of one data set.

    Drawing a tile takes ten milliseconds or more, recoloring, turning and cutting one almost none; so tiles
    are drawn once, several of each kind.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        weights: dict[str, float],
        photographs: list[Mipmap],
        photograph_share: float,
    ) -> None:
        self.weights = weights
        self.photographs = photographs
        self.photograph_share = photograph_share if photographs else 0.0
        self.tiles = {
            name: [Mipmap.from_tile(draw(rng)) for _ in range(_PER_PATTERN)]
            for name, draw in PATTERNS.items()
            if weights[name]
        }
        self._choices: dict[tuple[tuple[str, float], ...] | None, tuple[list[str], list[float]]] = {}

    def pattern(self, rng: np.random.Generator, weights: dict[str, float] | None) -> Mipmap:
        """Draw a grey mipmap; weights multiply those of the data set."""
        key = None if weights is None else tuple(weights.items())
        if key not in self._choices:
            share = {n: (1 if weights is None else weights.get(n, 0)) * self.weights[n] for n in self.tiles}
            if not any(share.values()):  # none of them is in the data set
                share = {n: self.weights[n] for n in self.tiles}
            self._choices[key] = list(share), list(itertools.accumulate(share.values()))
        names, bounds = self._choices[key]
        chosen = self.tiles[names[bisect.bisect_right(bounds, rng.random() * bounds[-1])]]
        return chosen[int(rng.random() * len(chosen))]


class Material(NamedTuple):
    """A mipmap with its colors before it is laid on a surface: the sides of one prop share it."""

    mipmap: Mipmap | None
    colors: NDArray[np.uint32] | None
    texel: float  # pixels per texel where the surface is looked at
    angle: float

    def lay(self, rng: np.random.Generator, rig: Rig, plane: Plane, at: tuple[float, float]) -> Texture:
        """Cover a plane, with texels sized for the pixel `at`."""
        axes = rig.texture_axes(plane, self.angle)
        grain = self.texel / max(plane.at(*at), 1e-3)
        # Coordinates start near the place looked at, where float32 is most accurate.
        here = *at, 1.0
        u = rng.random() * TILE - dot(axes[0], here) / self.texel
        v = rng.random() * TILE - dot(axes[1], here) / self.texel
        return Texture(self.mipmap, self.colors, axes, grain, (u, v))


AnyMaterial = str | MaterialFamily | Material  # the name of a family, one, or a material of one


def draw_material(
    rng: np.random.Generator, bank: TextureBank, palette: Palette, family: MaterialFamily
) -> Material:
    """Draw a material of a family."""
    angle = float(rng.normal(0, 0.015) if family.level else rng.uniform(-np.pi, np.pi))
    texel = math.exp(rng.uniform(math.log(family.texel[0]), math.log(family.texel[1])))
    if family.photographs and rng.random() < bank.photograph_share:
        return Material(bank.photographs[int(rng.integers(0, len(bank.photographs)))], None, texel, angle)
    if family.contrast == (0, 0):
        return Material(None, _draw_colors(rng, palette, family), texel, angle)
    return Material(bank.pattern(rng, family.patterns), _draw_colors(rng, palette, family), texel, angle)


_GREY = np.arange(256)[:, None] / 255  # the values of a pattern


def _draw_colors(rng: np.random.Generator, palette: Palette, family: MaterialFamily) -> NDArray[np.uint32]:
    """Return the color of each grey value of a pattern: packed R, G, B and an empty shade."""
    low, high = family.contrast
    contrast = low + (high - low) * rng.random()
    if family.color is None:
        base = palette.color(family.saturation, family.brightness)
    else:
        base = np.array(family.color) * rng.uniform(0.6, 1.5) * rng.uniform(0.75, 1.25, 3)
    style = rng.random()
    if style < 0.62 or contrast < 0.15:
        colors = base * (1 - contrast) + (2 * contrast * base) * _GREY
    elif style < 0.85:
        other = palette.color(family.saturation, (10, 245))
        colors = base + (other - base) * contrast * _GREY
    else:
        stops = np.stack(
            [palette.color(family.saturation, (10, 245)) for _ in range(int(rng.integers(3, 7)))]
        )
        stops = base + (stops - base) * contrast
        at = np.linspace(0, 1, len(stops))
        colors = np.stack([np.interp(_GREY[:, 0], at, stops[:, k]) for k in range(3)], axis=1)
    packed = np.zeros((256, 4), np.uint8)
    packed[:, :3] = np.minimum(colors + 0.5, 255)
    return packed.view(np.uint32)[:, 0]
