"""Clumps of leaves with gaps to look through, and trees of them."""

from __future__ import annotations

import numpy as np

from dsmnet.synthetic.alpha_masks import blob
from dsmnet.synthetic.props.rounded import post, round_surface
from dsmnet.synthetic.shading import ball
from dsmnet.synthetic.surface import Surface
from dsmnet.synthetic.texture import TILE
from dsmnet.synthetic.world import AnyLook, World


def leafy(
    world: World, x: float, y: float, z: float, width: float, height: float, look: AnyLook, gaps: float
) -> Surface | None:
    """Add a clump of leaves with gaps to look through, `gaps` 0..1."""
    place = world.upright(x, y, z)
    if place is None:
        return None
    px, py, disparity, scale = place
    rx, ry = max(width * scale / 2, 1), max(height * scale / 2, 1)
    sheet = world.sheet(blob(world.rng, px, py, rx, ry, 0.35))
    if sheet is None:
        return None
    rng = world.rng
    tile = world.scene.bank.pattern(rng, {"foliage": 3, "noise": 1, "cells": 1}).levels[0]
    span = int(np.clip(2 * max(rx, ry) * rng.uniform(0.5, 1.2), 12, TILE - 2))
    u, v = rng.integers(0, TILE - span, 2)
    crop = tile[v : v + span, u : u + span].astype(np.float32)
    threshold = float(np.quantile(crop[::3, ::3], gaps))
    sheet.cut(np.clip((crop - threshold) / 18 + 0.5, 0, 1) if gaps > 0 else np.ones((2, 2)))
    light = ball(world.scene.light, world.scene.ambient)
    return round_surface(world, sheet, (px, py), (rx, ry), disparity, look, light)


def tree(world: World, x: float, z: float, height: float) -> None:
    """Add a trunk and several clumps of leaves."""
    rng = world.rng
    post(world, x, z, height * rng.uniform(0.015, 0.035), height * 0.6, "bark")
    coat = world.scene.coat("leaves")
    spread = height * rng.uniform(0.4, 0.8)
    for _ in range(int(rng.integers(2, 6))):
        size = spread * rng.uniform(0.4, 0.9)
        aside, behind = rng.normal(0, 0.25) * spread, rng.normal(0, 0.15) * spread
        up, gaps = height * rng.uniform(0.5, 0.9), rng.uniform(0.1, 0.55)
        leafy(world, x + aside, up, z + behind, size, size * rng.uniform(0.5, 1.0), coat, gaps)
