"""What stands in rooms: tables, chairs, piles of boxes and small things on them."""

from __future__ import annotations

import math

import numpy as np

from dsmnet.synthetic.props.plants import leafy
from dsmnet.synthetic.props.rounded import lump, post, shadow_below, sphere
from dsmnet.synthetic.surface import Surface
from dsmnet.synthetic.world import AnyLook, World


def table(world: World, x: float, z: float, turn: float, ground: Surface | None, scale: float = 1.0) -> float:
    """Add a top on four legs and return the height of the top."""
    rng = world.rng
    width, depth, height = (
        s * scale for s in (rng.uniform(0.7, 1.8), rng.uniform(0.5, 1.0), rng.uniform(0.4, 0.8))
    )
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
    return [
        (x + cos * u * width + sin * v * depth, z - sin * u * width + cos * v * depth) for u, v in offsets
    ]


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
            aside, behind = rng.normal(0, 0.2) * size, rng.normal(0, 0.1) * size
            width, height = size * rng.uniform(0.4, 0.9, 2)
            up = y + pot + size * rng.uniform(0.1, 0.5)
            leafy(world, x + aside, up, z + behind, width, height, coat, rng.uniform(0.1, 0.6))
