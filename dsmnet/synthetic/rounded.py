"""Rounded props: surfaces that bulge towards the camera, foliage, trees, and the shadow below a prop."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from dsmnet.synthetic.alpha_masks import AlphaMask, Points, ball, blob, circle, cylinder, rectangle
from dsmnet.synthetic.geometry import Bump, Plane
from dsmnet.synthetic.materials import AnyMaterial
from dsmnet.synthetic.surface import Surface
from dsmnet.synthetic.texture import TILE
from dsmnet.synthetic.world import Pair, Triple, World, flat

_STEEPEST_EDGE = 0.16  # rise of a dome over its half-width: below this its sides do not hide one another


def facing(disparity: float) -> Plane:
    """Return a plane that faces the camera."""
    return Plane(0.0, 0.0, disparity)


def bulging(
    world: World,
    at: Triple,
    size: Pair,
    material: AnyMaterial,
    outline: Callable[[float, float, float, float], Points],
    *,
    least: float = 0.0,
    upright: bool = False,
    change: Callable[[AlphaMask, float], None] | None = None,
) -> None:
    """Add a surface that bulges towards the camera like a ball or an upright cylinder.

    Args:
        world: World that gets it.
        at: Place in metres: its middle, or the foot of a cylinder.
        size: Width and height in metres.
        material: Material of the surface.
        outline: Middle and half-sizes in pixels -> polygon.
        least: Smallest half-size in pixels.
        upright: Whether it is a cylinder.
        change: Called with the alpha mask and its larger half-size before the surface is added.
    """
    place = world.upright(*at)
    if place is None:
        return
    x, y, disparity, scale = place
    rx, ry = max(size[0] * scale / 2, 0.4 if upright else least), max(size[1] * scale / 2, least)
    y -= ry if upright else 0
    mask = world.scene.canvas.draw(outline(x, y, rx, ry))
    if mask is None:
        return
    if change is not None:
        change(mask, max(rx, ry))
    bump = None
    if rx > 3:
        rise = min(disparity * rx / world.scene.rig.focal * disparity * 0.5, _STEEPEST_EDGE * rx)
        bump = Bump(x, y, dome=rise, qx=rise / rx**2, qy=0.0 if upright else rise / ry**2, rx=rx)
    light = (cylinder if upright else ball)(world.scene.light, world.scene.ambient)
    world.scene.add(facing(disparity), mask, material, bump, light)


def post(world: World, foot: Triple, radius: float, height: float, material: AnyMaterial) -> None:
    """Add an upright cylinder."""
    bulging(world, foot, (2 * radius, height), material, rectangle, upright=True)


def sphere(world: World, at: Triple, radius: float, material: AnyMaterial) -> None:
    """Add a ball around a place."""
    bulging(world, at, (2 * radius, 2 * radius), material, circle)


def lump(world: World, at: Triple, size: Pair, material: AnyMaterial, ragged: float = 0.2) -> None:
    """Add an irregular rounded prop around a place."""
    bulging(world, at, size, material, partial(blob, world.rng, ragged=ragged))


def foliage_clump(world: World, at: Triple, size: Pair, material: AnyMaterial, gaps: float) -> None:
    """Add a clump of leaves around a place, with gaps to look through, `gaps` 0..1."""
    rng = world.rng

    def cut(mask: AlphaMask, radius: float) -> None:
        tile = world.scene.bank.pattern(rng, {"foliage": 3, "noise": 1, "cells": 1}).levels[0]
        span = int(np.clip(2 * radius * rng.uniform(0.5, 1.2), 12, TILE - 2))
        u, v = rng.integers(0, TILE - span, 2)
        crop = tile[v : v + span, u : u + span].astype(np.float32)
        threshold = float(np.quantile(crop[::3, ::3], gaps))
        mask.cut(np.clip((crop - threshold) / 18 + 0.5, 0, 1))

    bulging(world, at, size, material, partial(blob, rng, ragged=0.35), least=1.0, change=cut)


def tree(world: World, x: float, z: float, height: float) -> None:
    """Add a trunk and several clumps of leaves."""
    rng = world.rng
    post(world, (x, 0, z), height * rng.uniform(0.015, 0.035), height * 0.6, "bark")
    leaves = world.scene.material("leaves")
    spread = height * rng.uniform(0.4, 0.8)
    for _ in range(int(rng.integers(2, 6))):
        size = spread * rng.uniform(0.4, 0.9)
        aside, behind = rng.normal(0, 0.25) * spread, rng.normal(0, 0.15) * spread
        up, gaps = height * rng.uniform(0.5, 0.9), rng.uniform(0.1, 0.55)
        foliage_clump(world, (x + aside, up, z + behind), (size, size * rng.uniform(0.5, 1.0)), leaves, gaps)


def shadow_below(
    world: World, x: float, z: float, width: float, depth: float, turn: float, ground: Surface | None,
    strength: float = 0.5,
) -> None:  # fmt: skip
    """Darken the ground around the foot of a prop."""
    cos, sin = math.cos(turn), math.sin(turn)
    corners = flat(-width / 2, width / 2, -depth / 2, depth / 2)
    corners = corners @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]]) + [x, 0, z]
    world.shadow(ground, corners, strength)
