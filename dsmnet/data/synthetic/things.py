"""Things that stand about: posts, balls, bushes, trees, cars, people, tables, fences, shelves."""

from __future__ import annotations

import math

import numpy as np

from dsmnet.data.synthetic.geometry import Bump
from dsmnet.data.synthetic.materials import Look
from dsmnet.data.synthetic.rig import Plane
from dsmnet.data.synthetic.shading import Shading, ball, cylinder, ramp
from dsmnet.data.synthetic.stencils import Points, Sheet, blob, circle, rectangle
from dsmnet.data.synthetic.surface import Surface
from dsmnet.data.synthetic.texture import TILE
from dsmnet.data.synthetic.world import AnyLook, World, flat

_STEEPEST_EDGE = 0.16  # rise of a dome over its half-width: below this its sides do not hide one another


def facing(disparity: float) -> Plane:
    """Return a plane that faces the camera."""
    return Plane(0.0, 0.0, disparity)


def bulge(x: float, y: float, rx: float, ry: float, rise: float, upright: bool = False) -> Bump:
    """Return a dome `rise` pixels of disparity high over half-sizes `rx`, `ry`; a cylinder's where `upright`."""
    rise = min(rise, _STEEPEST_EDGE * rx)
    return Bump(x, y, dome=rise, qx=rise / rx**2, qy=0.0 if upright else rise / ry**2)


def round_surface(
    world: World, sheet: Sheet | None, centre: tuple[float, float], radii: tuple[float, float],
    disparity: float, look: AnyLook, shading: Shading, upright: bool = False,
) -> Surface | None:  # fmt: skip
    """Add a silhouette that bulges towards the camera like a ball or an upright cylinder."""
    if sheet is None:
        return None
    rise = disparity * radii[0] / world.scene.rig.focal * disparity * 0.5
    bump = bulge(*centre, *radii, rise, upright) if radii[0] > 3 else None
    return world.scene.add(facing(disparity), sheet.stencil(), look, bump, shading)


def post(
    world: World, x: float, z: float, radius: float, height: float, look: AnyLook, foot: float = 0.0
) -> Surface | None:
    """Add an upright cylinder."""
    place = world.upright(x, foot, z)
    if place is None:
        return None
    px, py, disparity, scale = place
    rx, ry = max(radius * scale, 0.4), height * scale / 2
    sheet = world.sheet(rectangle(px, py - ry, rx, ry))
    light = cylinder(world.scene.light, world.scene.ambient)
    return round_surface(world, sheet, (px, py - ry), (rx, ry), disparity, look, light, upright=True)


def sphere(world: World, x: float, y: float, z: float, radius: float, look: AnyLook) -> Surface | None:
    """Add a ball whose centre is `y` metres up."""
    place = world.upright(x, y, z)
    if place is None:
        return None
    px, py, disparity, scale = place
    r = radius * scale
    light = ball(world.scene.light, world.scene.ambient)
    return round_surface(world, world.sheet(circle(px, py, r, r)), (px, py), (r, r), disparity, look, light)


def lump(
    world: World, x: float, y: float, z: float, width: float, height: float, look: AnyLook, ragged: float = 0.2
) -> Surface | None:
    """Add an irregular rounded thing, its middle `y` metres up."""
    place = world.upright(x, y, z)
    if place is None:
        return None
    px, py, disparity, scale = place
    rx, ry = width * scale / 2, height * scale / 2
    sheet = world.sheet(blob(world.rng, px, py, rx, ry, ragged))
    light = ball(world.scene.light, world.scene.ambient)
    return round_surface(world, sheet, (px, py), (rx, ry), disparity, look, light)


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
        leafy(
            world, x + rng.normal(0, 0.25) * spread, height * rng.uniform(0.5, 0.9), z + rng.normal(0, 0.15) * spread,
            size, size * rng.uniform(0.5, 1.0), coat, rng.uniform(0.1, 0.55),
        )  # fmt: skip


def car(world: World, x: float, z: float, turn: float, ground: Surface | None) -> None:
    """Add a body, a cabin, windows, wheels and the shadow below."""
    rng = world.rng
    length, width, height = rng.uniform(3.6, 5.0), rng.uniform(1.6, 1.9), rng.uniform(0.65, 0.85)
    van = rng.random() < 0.25
    paint = world.scene.coat("paint")
    shadow_below(world, x, z, width * 1.1, length * 1.05, turn, ground, 0.7)
    body = world.box((x, 0.25, z), (width, height, length), paint, turn)
    roof = rng.uniform(1.0, 1.6) if van else rng.uniform(0.5, 0.62)
    cabin_length = length * (0.85 if van else rng.uniform(0.45, 0.62))
    cos, sin = math.cos(turn), math.sin(turn)
    shift = 0.0 if van else rng.uniform(-0.08, 0.02) * length
    cx, cz = x + sin * shift, z + cos * shift
    cabin = world.box((cx, 0.25 + height, cz), (width * 0.94, roof, cabin_length), paint, turn, 0.78)
    glass = world.scene.coat(GLASS)
    for side in cabin[-2:] + body[-2:]:
        window_decal(world, side, glass, 0.7 if side in cabin else 0.25)


GLASS = Look({"noise": 1, "marble": 1}, contrast=(0.05, 0.4), brightness=(15, 60), saturation=0.3, photographs=False)


def window_decal(world: World, host: Surface, look: AnyLook, share: float) -> None:
    """Paint the middle of an upright face, as its window or number plate."""
    if host.stencil is None or world.rng.random() < 0.15:
        return
    x0, y0, x1, y1 = host.stencil.box()
    if x1 - x0 < 5 or y1 - y0 < 5:
        return
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    world.scene.decal(host, rectangle(x, y, (x1 - x0) / 2 * share, (y1 - y0) / 2 * share * 0.85), look)


def shadow_below(
    world: World, x: float, z: float, width: float, depth: float, turn: float, ground: Surface | None,
    strength: float = 0.5,
) -> None:  # fmt: skip
    """Darken the ground around the foot of a thing."""
    cos, sin = math.cos(turn), math.sin(turn)
    corners = flat(-width / 2, width / 2, -depth / 2, depth / 2)
    corners = corners @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]]) + [x, 0, z]
    world.shadow(ground, corners, strength)


def person(world: World, x: float, z: float) -> None:
    """Add legs, a trunk and a head."""
    rng = world.rng
    tall = rng.uniform(1.1, 1.9)
    place = world.upright(x, 0, z)
    if place is None:
        return
    px, py, disparity, scale = place
    s = tall * scale
    parts: list[tuple[Points, AnyLook]] = []
    gait = rng.uniform(0.02, 0.14)
    for side in (-1, 1):
        leg = np.array([[-0.05, -0.5], [0.05, -0.5], [0.04 + side * gait, 0], [-0.04 + side * gait, 0]])
        parts.append((leg * s + (px, py), "paint"))
    parts.append((blob(rng, px, py - 0.64 * s, 0.13 * s, 0.2 * s, 0.12), "any"))
    parts.append((circle(px + rng.normal(0, 0.02) * s, py - 0.92 * s, 0.055 * s, 0.075 * s), SKIN))
    shading = cylinder(world.scene.light, world.scene.ambient)
    for points, look in parts:
        sheet = world.sheet(points)
        if sheet is not None:
            world.scene.add(facing(disparity), sheet.stencil(), look, None, shading)


SKIN = Look({"noise": 1}, contrast=(0.02, 0.15), brightness=(90, 210), colour=(190, 140, 115), photographs=False)


def sign(world: World, x: float, z: float) -> None:
    """Add a plate on a post."""
    rng = world.rng
    height, size = rng.uniform(1.8, 3.0), rng.uniform(0.25, 0.6)
    post(world, x, z, 0.04, height, "flat")
    place = world.upright(x, height, z)
    if place is None:
        return
    px, py, disparity, scale = place
    r = size * scale
    outlines = [circle(px, py, r, r), rectangle(px, py, r, r * rng.uniform(0.5, 1.2)), circle(px, py, r, r, 3)]
    stencil = world.scene.fill(outlines[int(rng.integers(0, 3))])
    if stencil is not None:
        world.scene.add(facing(disparity * 1.01), stencil, "paper")


def fence(world: World, start: tuple[float, float], end: tuple[float, float], height: float, look: AnyLook) -> None:
    """Add pales or a grid to look through, upright on the line between two places."""
    rng = world.rng
    coat = world.scene.coat(look)
    (x0, z0), (x1, z1) = start, end
    corners = np.array([[x0, 0, z0], [x1, 0, z1], [x1, height, z1], [x0, height, z0]])
    outline = world.pixels(corners)
    if outline is None:
        return
    box = world.scene.canvas.clip(outline)
    if box is None:
        return
    sheet = Sheet(box)
    length = math.hypot(x1 - x0, z1 - z0)
    gap = max(rng.uniform(0.08, 0.5), length / 60)
    share = rng.uniform(0.15, 0.5)
    at = np.arange(0, length, gap)
    for a, b in zip(at / length, np.minimum((at + gap * share) / length, 1), strict=True):
        _strip(world, sheet, corners, a, b, 0.0, 1.0)
    rails = [0.12, 0.85] if rng.random() < 0.6 else np.arange(0.02, 1, max(gap / height, 0.05))
    for low in rails:
        _strip(world, sheet, corners, 0.0, 1.0, float(low), min(float(low) + share * 0.8 * gap / height, 1.0))
    placed = world.camera(corners[:3])
    normal = np.cross(placed[1] - placed[0], placed[2] - placed[0])
    world.scene.add(world.scene.rig.plane(placed[0], normal), sheet.stencil(), coat)


def _strip(world: World, sheet: Sheet, corners: np.ndarray, a: float, b: float, low: float, high: float) -> None:
    """Fill a part of an upright rectangle: shares `a` to `b` of its length, `low` to `high` of its height."""
    foot, along, up = corners[0], corners[1] - corners[0], corners[3] - corners[0]
    quad = np.array([foot + along * s + up * t for s, t in ((a, low), (b, low), (b, high), (a, high))])
    points = world.pixels(quad)
    if points is not None:
        sheet.fill(points)


def table(world: World, x: float, z: float, turn: float, ground: Surface | None, scale: float = 1.0) -> float:
    """Add a top on four legs and return the height of the top."""
    rng = world.rng
    width, depth, height = (s * scale for s in (rng.uniform(0.7, 1.8), rng.uniform(0.5, 1.0), rng.uniform(0.4, 0.8)))
    coat = world.scene.coat("furniture")
    shadow_below(world, x, z, width, depth, turn, ground, 0.45)
    legs = box_feet(x, z, width * 0.9, depth * 0.88, turn)
    thickness = 0.05 * scale
    for fx, fz in legs:
        world.box((fx, 0, fz), (thickness, height, thickness), coat, turn)
    world.box((x, height, z), (width, thickness, depth), coat, turn)
    return height + thickness


def chair(world: World, x: float, z: float, turn: float, ground: Surface | None) -> None:
    """Add a seat on legs, with a back of slats."""
    rng = world.rng
    coat = world.scene.coat("furniture")
    size, height, back = rng.uniform(0.38, 0.5), rng.uniform(0.38, 0.5), rng.uniform(0.35, 0.6)
    shadow_below(world, x, z, size, size, turn, ground, 0.4)
    feet = box_feet(x, z, size * 0.9, size * 0.9, turn)
    for k, (fx, fz) in enumerate(feet):
        world.box((fx, 0, fz), (0.04, height + (back if k >= 2 else 0), 0.04), coat, turn)
    world.box((x, height, z), (size, 0.04, size), coat, turn)
    for level in np.linspace(0.4, 0.9, int(rng.integers(1, 4))):
        (x0, z0), (x1, z1) = feet[2], feet[3]
        low = height + back * level
        quad = np.array([[x0, low, z0], [x1, low, z1], [x1, low + 0.07, z1], [x0, low + 0.07, z0]])
        world.face(quad, coat)


def box_feet(x: float, z: float, width: float, depth: float, turn: float) -> list[tuple[float, float]]:
    """Return the places of four legs, the two at the back last."""
    cos, sin = math.cos(turn), math.sin(turn)
    offsets = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    return [(x + cos * u * width + sin * v * depth, z - sin * u * width + cos * v * depth) for u, v in offsets]


def pile(world: World, x: float, y: float, z: float, size: float, count: int, look: AnyLook = "any") -> None:
    """Add boxes upon each other, as books or parcels."""
    rng = world.rng
    for _ in range(count):
        width, depth = size * rng.uniform(0.5, 1.0), size * rng.uniform(0.4, 0.9)
        height = size * rng.uniform(0.1, 0.6)
        world.box((x, y, z), (width, height, depth), look, rng.uniform(-0.8, 0.8))
        y += height
        x += rng.normal(0, 0.05) * size


def small_thing(world: World, x: float, y: float, z: float, size: float) -> None:
    """Add something that could stand on a table or a floor."""
    rng = world.rng
    kind = rng.random()
    if kind < 0.35:
        pile(world, x, y, z, size, int(rng.integers(1, 4)))
    elif kind < 0.5:
        sphere(world, x, y + size / 2, z, size / 2, "any")
    elif kind < 0.7:
        post(world, x, z, size * rng.uniform(0.15, 0.4), size * rng.uniform(0.6, 1.6), "any", foot=y)
    elif kind < 0.85:
        lump(world, x, y + size * 0.45, z, size * rng.uniform(0.6, 1.2), size, "any")
    else:
        pot = size * rng.uniform(0.25, 0.45)
        post(world, x, z, pot * 0.6, pot, "flat", foot=y)
        coat = world.scene.coat("leaves")
        for _ in range(int(rng.integers(2, 5))):
            leafy(
                world, x + rng.normal(0, 0.2) * size, y + pot + size * rng.uniform(0.1, 0.5),
                z + rng.normal(0, 0.1) * size, size * rng.uniform(0.4, 0.9), size * rng.uniform(0.4, 0.9), coat,
                rng.uniform(0.1, 0.6),
            )  # fmt: skip


__all__ = ["car", "chair", "fence", "leafy", "lump", "person", "pile", "post", "ramp", "sign", "small_thing",
           "sphere", "table", "tree"]  # fmt: skip
