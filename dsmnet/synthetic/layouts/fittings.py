"""What stands and hangs before the walls of a room: open shelves, boards and cupboards."""

from __future__ import annotations

import math

import numpy as np

from dsmnet.synthetic.props import shadow_below, small_object
from dsmnet.synthetic.scene import Surface
from dsmnet.synthetic.world import Triple, World, rotation

Room = tuple[float, float, float, float]  # left, right, nearest and depth, metres

_FRONTS = "furniture", "plain", "thin"


def fit_out(world: World, floor: Surface | None, room: Room, height: float) -> None:
    """Put open shelves and boards before the walls, and cupboards that the border of the view cuts."""
    rng, scene, rig = world.rng, world.scene, world.scene.rig
    left, right, nearest, depth = room
    for _ in range(scene.count(1, 3)):
        low, off = rng.choice([0.0, rng.uniform(0.6, 1.3)]), rng.uniform(0.15, 0.5)
        _open_shelf(world, (rng.uniform(-left, right), low, depth - off), height)
    for _ in range(scene.count(1, 4)):  # boards, each on a plane of its own, upright or leaning
        off, back = depth * math.exp(rng.uniform(-4, -1)), max(rng.normal(0, 0.1), 0.0)
        width, tall, low = rng.uniform(0.3, 1.5), rng.uniform(0.3, 1.2), rng.uniform(0.0, 1.6)
        corners = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0.5, 1, back], [-0.5, 1, back]]) * (width, tall, tall)
        foot = rng.uniform(-left, right), low, depth - off
        world.face(corners @ rotation(rng.normal(0, 0.2), 1) + foot, "paper" if rng.random() < 0.6 else "any")
    for _ in range(int(rng.integers(0, 3))):
        z, border = rng.uniform(nearest, max(0.8 * depth, nearest)), rng.choice([-0.05, 0.0, 1.0, 1.05])
        ray = np.array([(border * rig.width - rig.cx) / rig.focal, 0.0, 1.0]) * z
        x = float((world.rotation.T @ ray)[0])
        size = rng.uniform(0.4, 1.2), min(rng.uniform(0.6, 2.2), height), rng.uniform(0.3, 0.6)
        shadow_below(world, x, z, size[0] * 1.1, size[2] * 1.1, 0, floor, 0.5)
        world.box((x, 0, z), size, _FRONTS[int(rng.integers(0, 3))], rng.normal(0, 0.2))


def _open_shelf(world: World, foot: Triple, height: float) -> None:
    """Add boards with rows of books and objects on them; the wall shows between."""
    rng = world.rng
    x, y, z = foot
    width, depth, pitch = rng.uniform(0.6, 2.2), rng.uniform(0.2, 0.35), rng.uniform(0.25, 0.45)
    levels = min(int(rng.integers(1, 6)), math.ceil((height - 0.2 - y) / pitch))
    material = world.scene.material(_FRONTS[int(rng.integers(0, 3))])
    if rng.random() < 0.7:
        for side in (-0.5, 0.5):
            world.box((x + side * width, y, z), (0.03, min(levels * pitch, height - y), depth), material)
    for low in (y + k * pitch for k in range(levels)):
        world.box((x, low, z), (width, 0.025, depth), material)
        if rng.random() < 0.6:
            start = x - width / 2, low + 0.025, z - depth * 0.4
            _books(world, start, width * rng.uniform(0.3, 0.95), 0.8 * pitch)
            continue
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
    for u0, u1, v in zip(edges[:-1], edges[1:], heights, strict=False):
        if rng.random() < 0.4:
            book = np.array([[u0, 0, 0], [u1, 0, 0], [u1, v, 0], [u0, v, 0]])
            world.decal(host, book + start, "thin")
