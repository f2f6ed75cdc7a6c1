"""What stands and hangs before the walls of a room: open shelves, boards and cupboards."""

from __future__ import annotations

import math

import numpy as np

from dsmnet.synthetic.props import shadow_below, small_object
from dsmnet.synthetic.scene import Surface
from dsmnet.synthetic.world import Triple, World, rotation

Room = tuple[float, float, float, float]  # left, right, nearest and depth, metres


def fit_out(world: World, floor: Surface | None, room: Room, height: float) -> None:
    """Put open shelves and boards before the walls, and cupboards that the border of the view cuts."""
    rng, scene = world.rng, world.scene
    left, right, nearest, depth = room
    for _ in range(scene.count(1, 3)):
        x = rng.uniform(-left, right)
        _open_shelf(
            world,
            (x, rng.choice([0.0, rng.uniform(0.6, 1.3)]), depth - rng.uniform(0.15, 0.5)),
            height,
            floor,
        )
    for _ in range(scene.count(1, 4)):
        off = math.exp(rng.uniform(math.log(0.03), math.log(0.4 * depth)))
        width, tall, low = rng.uniform(0.3, 1.5), rng.uniform(0.3, 1.2), rng.uniform(0.0, 1.6)
        _board(world, (rng.uniform(-left, right), low, depth - off), width, tall)
    for _ in range(int(rng.integers(0, 3))):
        _cupboard(world, floor, nearest, depth, height)


def _board(world: World, foot: Triple, width: float, tall: float) -> None:
    """Add a picture or pinboard on its own plane, upright or leaning."""
    rng = world.rng
    turn, back = rng.normal(0, 0.2), max(rng.normal(0, 0.1), 0.0)
    corners = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0.5, 1, back], [-0.5, 1, back]]) * (width, tall, tall)
    host = world.face(corners @ rotation(turn, 1) + foot, "paper" if rng.random() < 0.6 else "any")
    if host is not None and rng.random() < 0.4:
        inner = (corners - corners.mean(axis=0)) * 0.85 + corners.mean(axis=0)
        world.decal(host, inner @ rotation(turn, 1) + foot, "paper" if rng.random() < 0.5 else "plain")


def _open_shelf(world: World, foot: Triple, height: float, floor: Surface | None) -> None:
    """Add boards with rows of books and objects on them; the wall shows between."""
    rng = world.rng
    x, y, z = foot
    width, depth, pitch = rng.uniform(0.6, 2.2), rng.uniform(0.2, 0.35), rng.uniform(0.25, 0.45)
    levels = int(rng.integers(1, 5)) if y else int(rng.integers(3, 6))
    material = world.scene.material(("furniture", "plain", "thin")[int(rng.integers(0, 3))])
    if not y:
        shadow_below(world, x, z, width, depth, 0, floor, 0.5)
    if rng.random() < 0.7:
        for side in (-0.5, 0.5):
            top = min(y + levels * pitch, height)
            world.box((x + side * width, y, z), (0.03, top - y, depth), material)
    for k in range(levels):
        low = y + k * pitch
        if low > height - 0.2:
            break
        world.box((x, low, z), (width, 0.025, depth), material)
        if rng.random() < 0.6:
            _books(
                world,
                (x - width / 2, low + 0.025, z - depth * 0.4),
                width * rng.uniform(0.3, 0.95),
                0.8 * pitch,
            )
        else:
            for at in rng.uniform(-0.4, 0.4, int(rng.integers(1, 4))):
                small_object(world, x + at * width, low + 0.025, z, pitch * rng.uniform(0.3, 0.7))


def _books(world: World, start: Triple, length: float, tall: float) -> None:
    """Add the backs of a row of books: one face, each book with its own height and color."""
    rng = world.rng
    x, y, z = start
    edges = np.cumsum(rng.uniform(0.02, 0.06, 40))
    edges = np.array([0.0, *edges[edges < length]])
    heights = tall * rng.uniform(0.6, 1.0, len(edges))
    profile = [(a, h) for i, h in enumerate(heights[:-1]) for a in (edges[i], edges[i + 1])]
    outline = [(edges[-1], 0.0), (0.0, 0.0), *profile]
    host = world.face(np.array([[x + u, y + v, z] for u, v in outline]), "paper")
    for i in range(len(edges) - 1):
        if host is not None and rng.random() < 0.4:
            u0, u1, v = edges[i], edges[i + 1], heights[i]
            corners = np.array([[x + u0, y, z], [x + u1, y, z], [x + u1, y + v, z], [x + u0, y + v, z]])
            world.decal(host, corners, "thin")


def _cupboard(world: World, floor: Surface | None, nearest: float, depth: float, height: float) -> None:
    """Add a box that the left, right or lower border of the view cuts."""
    rng, rig = world.rng, world.scene.rig
    z = rng.uniform(nearest, max(0.8 * depth, nearest))
    side = rng.choice([-0.05, 0.0, 1.0, 1.05])
    ray = np.array([(side * rig.width - rig.cx) / rig.focal, 0.0, 1.0]) * z
    x = float((world.rotation.T @ ray)[0])
    size = rng.uniform(0.4, 1.2), min(rng.uniform(0.6, 2.2), height), rng.uniform(0.3, 0.6)
    shadow_below(world, x, z, size[0] * 1.1, size[2] * 1.1, 0, floor, 0.5)
    world.box((x, 0, z), size, ("furniture", "plain", "thin")[int(rng.integers(0, 3))], rng.normal(0, 0.2))
