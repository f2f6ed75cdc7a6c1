"""Props: balls, posts, foliage and shadows; furniture and small objects, people, signs and fences."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from dsmnet.synthetic.alpha_masks import AlphaMask, Points, ball, blob, circle, cylinder, rectangle
from dsmnet.synthetic.geometry import Bump, Plane
from dsmnet.synthetic.materials import AnyMaterial, MaterialFamily
from dsmnet.synthetic.scene import Surface
from dsmnet.synthetic.texture import TILE
from dsmnet.synthetic.world import Pair, Triple, World, flat, rotation, upright_rectangle

SKIN = MaterialFamily(
    {"noise": 1}, contrast=(0.02, 0.15), brightness=(90, 210), color=(190, 140, 115), photographs=False
)
_STEEPEST_EDGE = 0.16  # rise of a dome over its half-width: below this its sides do not hide one another


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
        at: Its middle, or the foot of a cylinder.
        size: Width and height.
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
    world.scene.add(Plane(0, 0, disparity), mask, material, bump, light)


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
    corners = flat(-width / 2, width / 2, -depth / 2, depth / 2) @ rotation(turn, 1) + [x, 0, z]
    world.shadow(ground, corners, strength)


def desk(world: World, x: float, z: float, turn: float, ground: Surface | None) -> float:
    """Add a top on four legs and return the height of the top."""
    rng = world.rng
    width, depth, height = rng.uniform(0.7, 1.8), rng.uniform(0.5, 1.0), rng.uniform(0.4, 0.8)
    wood = world.scene.material("furniture")
    shadow_below(world, x, z, width, depth, turn, ground, 0.45)
    for fx, fz in _feet(x, z, width * 0.9, depth * 0.88, turn):
        world.box((fx, 0, fz), (0.05, height, 0.05), wood, turn)
    world.box((x, height, z), (width, 0.05, depth), wood, turn)
    return height + 0.05


def chair(world: World, x: float, z: float, turn: float, ground: Surface | None) -> None:
    """Add a seat on legs, with a back of slats."""
    rng = world.rng
    material = world.scene.material("furniture")
    size, height, back = rng.uniform(0.38, 0.5), rng.uniform(0.38, 0.5), rng.uniform(0.35, 0.6)
    shadow_below(world, x, z, size, size, turn, ground, 0.4)
    feet = _feet(x, z, size * 0.9, size * 0.9, turn)
    for k, (fx, fz) in enumerate(feet):
        world.box((fx, 0, fz), (0.04, height + (back if k >= 2 else 0), 0.04), material, turn)
    world.box((x, height, z), (size, 0.04, size), material, turn)
    for level in np.linspace(0.4, 0.9, int(rng.integers(1, 4))):
        (x0, z0), (x1, z1) = feet[2], feet[3]
        low = height + back * level
        world.face(upright_rectangle(x0, z0, x1, z1, low, low + 0.07), material)


def _feet(x: float, z: float, width: float, depth: float, turn: float) -> list[tuple[float, float]]:
    """Return the places of four legs, the two at the back last."""
    cos, sin = math.cos(turn), math.sin(turn)
    offsets = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    return [
        (x + cos * u * width + sin * v * depth, z - sin * u * width + cos * v * depth) for u, v in offsets
    ]


def pile(
    world: World, x: float, y: float, z: float, size: float, count: int, material: AnyMaterial = "any"
) -> None:
    """Add boxes upon each other, as books or parcels."""
    rng = world.rng
    for _ in range(count):
        width, depth = size * rng.uniform(0.5, 1.0), size * rng.uniform(0.4, 0.9)
        height = size * rng.uniform(0.1, 0.6)
        world.box((x, y, z), (width, height, depth), material, rng.uniform(-0.8, 0.8))
        y += height
        x += rng.normal(0, 0.05) * size


def small_object(world: World, x: float, y: float, z: float, size: float) -> None:
    """Add an object that could stand on a table or a floor."""
    rng = world.rng
    kind = rng.random()
    if kind < 0.35:
        pile(world, x, y, z, size, int(rng.integers(1, 4)))
    elif kind < 0.5:
        sphere(world, (x, y + size / 2, z), size / 2, "any")
    elif kind < 0.7:
        post(world, (x, y, z), size * rng.uniform(0.15, 0.4), size * rng.uniform(0.6, 1.6), "any")
    elif kind < 0.85:
        lump(world, (x, y + size * 0.45, z), (size * rng.uniform(0.6, 1.2), size), "any")
    else:
        pot = size * rng.uniform(0.25, 0.45)
        post(world, (x, y, z), pot * 0.6, pot, "flat")
        material = world.scene.material("leaves")
        for _ in range(int(rng.integers(2, 5))):
            aside, behind = rng.normal(0, 0.2) * size, rng.normal(0, 0.1) * size
            width, height = size * rng.uniform(0.4, 0.9, 2)
            up = y + pot + size * rng.uniform(0.1, 0.5)
            at, gaps = (x + aside, up, z + behind), rng.uniform(0.1, 0.6)
            foliage_clump(world, at, (width, height), material, gaps)


def person(world: World, x: float, z: float) -> None:
    """Add legs, a trunk and a head."""
    rng = world.rng
    tall = rng.uniform(1.1, 1.9)
    place = world.upright(x, 0, z)
    if place is None:
        return
    px, py, disparity, scale = place
    s = tall * scale
    parts: list[tuple[Points, AnyMaterial]] = []
    gait = rng.uniform(0.02, 0.14)
    for side in (-1, 1):
        leg = np.array([[-0.05, -0.5], [0.05, -0.5], [0.04 + side * gait, 0], [-0.04 + side * gait, 0]])
        parts.append((leg * s + (px, py), "paint"))
    parts.append((blob(rng, px, py - 0.64 * s, 0.13 * s, 0.2 * s, 0.12), "any"))
    parts.append((circle(px + rng.normal(0, 0.02) * s, py - 0.92 * s, 0.055 * s, 0.075 * s), SKIN))
    shading = cylinder(world.scene.light, world.scene.ambient)
    for points, material in parts:
        mask = world.scene.canvas.draw(points)
        if mask is not None:
            world.scene.add(Plane(0, 0, disparity), mask, material, None, shading)


def sign(world: World, x: float, z: float) -> None:
    """Add a plate on a post."""
    rng = world.rng
    height, size = rng.uniform(1.8, 3.0), rng.uniform(0.25, 0.6)
    post(world, (x, 0, z), 0.04, height, "flat")
    place = world.upright(x, height, z)
    if place is None:
        return
    px, py, disparity, scale = place
    r = size * scale
    plate = rectangle(px, py, r, r * rng.uniform(0.5, 1.2))
    mask = world.scene.canvas.draw((circle(px, py, r, r), plate, circle(px, py, r, r, 3))[rng.integers(0, 3)])
    if mask is not None:
        world.scene.add(Plane(0, 0, disparity * 1.01), mask, "paper")


def fence(world: World, start: Pair, end: Pair, height: float, material: AnyMaterial) -> None:
    """Add pales or a grid to look through, upright on the line between two places."""
    rng = world.rng
    material = world.scene.material(material)
    corners = upright_rectangle(*start, *end, 0, height)
    outline = world.pixels(corners)
    box = None if outline is None else world.scene.canvas.clip(outline)
    if box is None:
        return
    mask = AlphaMask(box)

    def strip(a: float, b: float, low: float, high: float) -> None:
        """Fill shares `a` to `b` of the length, `low` to `high` of the height."""
        foot, along, up = corners[0], corners[1] - corners[0], corners[3] - corners[0]
        quad = np.array([foot + along * s + up * t for s, t in ((a, low), (b, low), (b, high), (a, high))])
        points = world.pixels(quad)
        if points is not None:
            mask.fill(points)

    length = math.hypot(end[0] - start[0], end[1] - start[1])
    gap = max(rng.uniform(0.08, 0.5), length / 60)
    share = rng.uniform(0.15, 0.5)
    at = np.arange(0, length, gap)
    for a, b in zip(at / length, np.minimum((at + gap * share) / length, 1), strict=True):
        strip(a, b, 0.0, 1.0)
    rails = [0.12, 0.85] if rng.random() < 0.6 else np.arange(0.02, 1, max(gap / height, 0.05)).tolist()
    for low in rails:
        strip(0.0, 1.0, low, min(low + share * 0.8 * gap / height, 1.0))
    world.scene.add(world.plane_of(corners), mask, material)
