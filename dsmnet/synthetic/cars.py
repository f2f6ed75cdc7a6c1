"""Cars: boxes with painted windows, or lacquered bodies that mirror the street and are seen through."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dsmnet.synthetic.alpha_masks import circle, rectangle
from dsmnet.synthetic.geometry import dot, normal_of
from dsmnet.synthetic.materials import AnyMaterial, MaterialFamily
from dsmnet.synthetic.props import shadow_below
from dsmnet.synthetic.scene import Surface
from dsmnet.synthetic.world import Corners, World, rotation

Drawing = NDArray[np.float64]  # [N, 2], metres along the car and above the ground

GLASS = MaterialFamily(
    {"noise": 1, "marble": 1}, contrast=(0.05, 0.4), brightness=(15, 60), saturation=0.3, photographs=False
)
TYRE = MaterialFamily(None, (0, 0), brightness=(5, 40), saturation=0.1, photographs=False)


def car(world: World, x: float, z: float, turn: float, ground: Surface | None) -> None:
    """Add a body, a cabin, windows, wheels and the shadow below."""
    rng = world.rng
    if "shiny_cars" in world.scene.hard:
        shiny_car(world, x, z, turn, ground)
        return
    length, width, height = rng.uniform(3.6, 5.0), rng.uniform(1.6, 1.9), rng.uniform(0.65, 0.85)
    van = rng.random() < 0.25
    paint = world.scene.material("paint")
    shadow_below(world, x, z, width * 1.1, length * 1.05, turn, ground, 0.7)
    body = world.box((x, 0.25, z), (width, height, length), paint, turn)
    roof = rng.uniform(1.0, 1.6) if van else rng.uniform(0.5, 0.62)
    cabin_length = length * (0.85 if van else rng.uniform(0.45, 0.62))
    cos, sin = math.cos(turn), math.sin(turn)
    shift = 0.0 if van else rng.uniform(-0.08, 0.02) * length
    cx, cz = x + sin * shift, z + cos * shift
    cabin = world.box((cx, 0.25 + height, cz), (width * 0.94, roof, cabin_length), paint, turn, 0.78)
    glass = world.scene.material(GLASS)
    for side in cabin[-2:] + body[-2:]:
        _window(world, side, glass, 0.7 if side in cabin else 0.25)


def _window(world: World, host: Surface, material: AnyMaterial, share: float) -> None:
    """Paint the middle of an upright face, as its window or number plate."""
    if host.mask is None or world.rng.random() < 0.15:
        return
    x0, y0, x1, y1 = host.mask.box()
    if x1 - x0 < 8 or y1 - y0 < 8:
        return
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    world.scene.decal(host, rectangle(x, y, (x1 - x0) / 2 * share, (y1 - y0) / 2 * share * 0.85), material)


def shiny_car(world: World, x: float, z: float, turn: float, ground: Surface | None) -> None:
    """Add a lacquered body along a side view of a car, with panes to look through and wheels."""
    rng, scene = world.rng, world.scene
    length, half = rng.uniform(3.7, 4.9), rng.uniform(0.82, 0.95)
    outline = (_side_view(rng) - (0.5, 0)) * (length, 1)
    turned = rotation(turn + rng.choice([0, math.pi]), 1)
    if world.upright(x, 1.0, z - 0.4 * length) is None:  # one so near would fill the view
        return
    paint, tint = scene.material("lacquer" if rng.random() < 0.6 else "uniform"), scene.material("lacquer")
    clear = rng.uniform(0.1, 0.45) if rng.random() < 0.7 else 0.0
    shadow_below(world, x, z, 2.2 * half, length * 1.05, turn, ground, 0.7)

    def place(drawing: Drawing, aside: float) -> Corners:
        corners = np.stack([np.full(len(drawing), aside), drawing[:, 1], drawing[:, 0]], axis=1)
        return np.asarray(corners @ turned + (x, 0, z))

    for k in range(len(outline) - 1):  # bumper, bonnet, windscreen, roof, rear window, boot, bumper
        one, other = place(outline[k : k + 2], half), place(outline[k : k + 2], -half)
        strip = np.stack([one[0], other[0], other[1], one[1]])
        host = _mirror(world, strip, paint)
        if k in (2, 4):
            _pane(world, host, _shrunk(strip, 0.88), tint, clear)
    for aside in (-half, half):
        host = _mirror(world, place(outline[:: 1 if aside > 0 else -1], aside), paint)
        front, top, back, rear = _shrunk(outline[2:6], 0.86)
        pillar = (front + rear) / 2 + (rng.uniform(-0.1, 0.2), 0)
        up, behind = np.array([0, top[1] - front[1]]), pillar + np.array([0.1, 0])
        _pane(world, host, place(np.stack([front, top, pillar + up, pillar]), aside), tint, clear)
        _pane(world, host, place(np.stack([behind, behind + up, back, rear]), aside), tint, clear)
        for at in (-0.31 * length, 0.3 * length):
            world.decal(host, place(circle(at, 0.33, 0.34, 0.34, 20), aside), TYRE)
            world.decal(host, place(circle(at, 0.33, 0.2, 0.2, 20), aside), "uniform")


def _side_view(rng: np.random.Generator) -> Drawing:
    """Return eight points [8, 2] from the front bumper over the roof to the rear: share of length, metres."""
    van = rng.random() < 0.25
    belt, roof = rng.uniform(0.85, 1.0), rng.uniform(1.6, 2.1) if van else rng.uniform(1.35, 1.55)
    bonnet = rng.uniform(0.1, 0.18) if van else rng.uniform(0.22, 0.3)
    rear = 0.98 if van or rng.random() < 0.4 else rng.uniform(0.82, 0.9)
    screen, back = bonnet + rng.uniform(0.1, 0.17), rear - (0.03 if rear > 0.95 else rng.uniform(0.1, 0.16))
    return np.array(
        [(0.0, 0.25), (0.0, 0.68), (bonnet, belt), (screen, roof), (back, roof * 0.98), (rear, belt + 0.03),
         (1.0, 0.8), (1.0, 0.25)]
    )  # fmt: skip


def _shrunk(corners: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    middle = corners.mean(axis=0)
    return np.asarray(middle + (corners - middle) * factor)


def _mirror(world: World, corners: Corners, paint: AnyMaterial) -> Surface | None:
    """Add a polygon that mirrors the surroundings, where it faces the camera."""
    if dot(normal_of(corners), (corners[0] - (0.0, world.eye, 0.0)).tolist()) >= 0:
        return None
    surface = world.face(corners, paint)
    if surface is not None:
        world.scene.glossy.append(surface.body)
    return surface


def _pane(world: World, host: Surface | None, corners: Corners, tint: AnyMaterial, clear: float) -> None:
    """Replace a part of a face by glass that lets `clear` of the light behind it through."""
    points = world.pixels(corners)
    if points is None or host is None or host.mask is None:
        return
    if clear:
        host.mask.fill(points, 0)
    world.scene.pane(host, points, tint, 1 - clear)
