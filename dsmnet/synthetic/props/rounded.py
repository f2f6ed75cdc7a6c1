"""Balls, posts and lumps: silhouettes that bulge towards the camera, and the shadow below a thing."""

from __future__ import annotations

import math

import numpy as np

from dsmnet.synthetic.alpha_masks import Sheet, blob, circle, rectangle
from dsmnet.synthetic.geometry import Bump
from dsmnet.synthetic.rig import Plane
from dsmnet.synthetic.shading import Shading, ball, cylinder
from dsmnet.synthetic.surface import Surface
from dsmnet.synthetic.world import AnyLook, World, flat

_STEEPEST_EDGE = 0.16  # rise of a dome over its half-width: below this its sides do not hide one another


def facing(disparity: float) -> Plane:
    """Return a plane that faces the camera."""
    return Plane(0.0, 0.0, disparity)


def bulge(x: float, y: float, rx: float, ry: float, rise: float, upright: bool = False) -> Bump:
    """Return a dome `rise` pixels of disparity high over half-sizes `rx`, `ry`, or a cylinder."""
    rise = min(rise, _STEEPEST_EDGE * rx)
    return Bump(x, y, dome=rise, qx=rise / rx**2, qy=0.0 if upright else rise / ry**2, rx=rx)


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
    world: World,
    x: float,
    y: float,
    z: float,
    width: float,
    height: float,
    look: AnyLook,
    ragged: float = 0.2,
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


def shadow_below(
    world: World, x: float, z: float, width: float, depth: float, turn: float, ground: Surface | None,
    strength: float = 0.5,
) -> None:  # fmt: skip
    """Darken the ground around the foot of a thing."""
    cos, sin = math.cos(turn), math.sin(turn)
    corners = flat(-width / 2, width / 2, -depth / 2, depth / 2)
    corners = corners @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]]) + [x, 0, z]
    world.shadow(ground, corners, strength)
