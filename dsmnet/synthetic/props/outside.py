"""What stands in streets: cars, people, signs and fences."""

from __future__ import annotations

import math

import numpy as np

from dsmnet.synthetic.alpha_masks import Points, Sheet, blob, circle, rectangle
from dsmnet.synthetic.materials import Look
from dsmnet.synthetic.props.rounded import facing, post, shadow_below
from dsmnet.synthetic.shading import cylinder
from dsmnet.synthetic.surface import Surface
from dsmnet.synthetic.world import AnyLook, World

GLASS = Look(
    {"noise": 1, "marble": 1}, contrast=(0.05, 0.4), brightness=(15, 60), saturation=0.3, photographs=False
)


SKIN = Look(
    {"noise": 1}, contrast=(0.02, 0.15), brightness=(90, 210), color=(190, 140, 115), photographs=False
)


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


def window_decal(world: World, host: Surface, look: AnyLook, share: float) -> None:
    """Paint the middle of an upright face, as its window or number plate."""
    if host.stencil is None or world.rng.random() < 0.15:
        return
    x0, y0, x1, y1 = host.stencil.box()
    if x1 - x0 < 8 or y1 - y0 < 8:
        return
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    world.scene.decal(host, rectangle(x, y, (x1 - x0) / 2 * share, (y1 - y0) / 2 * share * 0.85), look)


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
    outlines = [
        circle(px, py, r, r),
        rectangle(px, py, r, r * rng.uniform(0.5, 1.2)),
        circle(px, py, r, r, 3),
    ]
    stencil = world.scene.fill(outlines[int(rng.integers(0, 3))])
    if stencil is not None:
        world.scene.add(facing(disparity * 1.01), stencil, "paper")


def fence(
    world: World, start: tuple[float, float], end: tuple[float, float], height: float, look: AnyLook
) -> None:
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
    world.scene.add(world.plane_of(corners), sheet.stencil(), coat)


def _strip(
    world: World, sheet: Sheet, corners: np.ndarray, a: float, b: float, low: float, high: float
) -> None:
    """Fill a part of an upright rectangle: shares `a` to `b` of its length, `low` to `high` of its height."""
    foot, along, up = corners[0], corners[1] - corners[0], corners[3] - corners[0]
    quad = np.array([foot + along * s + up * t for s, t in ((a, low), (b, low), (b, high), (a, high))])
    points = world.pixels(quad)
    if points is not None:
        sheet.fill(points)
