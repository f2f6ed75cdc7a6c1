"""A still life: objects close together on a table before a cloth, a board or a wall."""

from __future__ import annotations

import math

import numpy as np

from dsmnet.synthetic.alpha_masks import bar, rectangle, uneven
from dsmnet.synthetic.layouts.random import curved, outline, slanted
from dsmnet.synthetic.props import pile, small_object
from dsmnet.synthetic.rounded import lump, post, shadow_below, sphere
from dsmnet.synthetic.scene import Scene
from dsmnet.synthetic.world import World


def build(scene: Scene) -> None:
    """Fill a scene."""
    rng, rig = scene.rng, scene.rig
    depth = rng.uniform(1.2, 2.5)
    nearest = depth * rng.uniform(0.35, 0.75)
    metre = rig.focal / scene.near / nearest
    world = World(
        scene, rng.uniform(0.15, 0.7), metre, rng.normal(0, 0.3), rng.uniform(0, 0.35), rng.normal(0, 0.02)
    )
    _backdrop(world, depth)
    table = world.unbounded((0, 0, 0), (0, 1, 0), "furniture" if rng.random() < 0.5 else "any")
    for _ in range(scene.count(6, 24)):
        x, z = world.ground_in_view(depth)
        size = depth * rng.uniform(0.04, 0.28)
        kind = rng.random()
        shadow_below(world, x, z, size * 0.9, size * 0.7, 0, table, rng.uniform(0.2, 0.6))
        if kind < 0.3:
            small_object(world, x, 0, z, size)
        elif kind < 0.45:
            pile(
                world, x, 0, z, size * 1.3, int(rng.integers(1, 6)), "paper" if rng.random() < 0.4 else "any"
            )
        elif kind < 0.6:
            _lean(world, x, z, size)
        elif kind < 0.7:
            sphere(world, (x, size / 2, z), size / 2, "any")
        elif kind < 0.85:
            width = size * rng.uniform(0.7, 1.6)
            lump(world, (x, size / 2, z), (width, size), "any", rng.uniform(0.1, 0.5))
        else:
            _sticks(world, x, z, size)
    if rng.random() < 0.4:
        _floating(scene, int(rng.integers(1, 5)), scene.near * nearest / depth)


def _backdrop(world: World, depth: float) -> None:
    """Add a wall, and perhaps cloth or boards that lean on it."""
    rng, scene, rig = world.rng, world.scene, world.scene.rig
    world.unbounded((0, 0, depth), (rng.normal(0, 0.15), 0, 1), "wall" if rng.random() < 0.5 else "any")
    far = world.disparity(0, 0, depth)
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.uniform(0, rig.width), rng.uniform(0, rig.height)
        rx, ry = rig.width * rng.uniform(0.1, 0.5), rig.height * rng.uniform(0.2, 0.8)
        disparity = far * rng.uniform(1.02, 1.25)
        bump = curved(rng, x, y, rx, ry, 0.12 * far) if rng.random() < 0.6 else None
        mask = scene.canvas.draw(rectangle(x, y, rx, ry, rng.normal(0, 0.15)))
        if mask is not None:
            scene.add(slanted(rng, x, y, disparity, 0.1 * far / rx), mask, "any", bump, uneven(rng, 0.12))


def _lean(world: World, x: float, z: float, size: float) -> None:
    """Add a card or a book that stands aslant."""
    rng = world.rng
    turn, back = rng.uniform(-0.9, 0.9), rng.uniform(0.0, 0.6)
    width, height = size * rng.uniform(0.6, 1.5), size * rng.uniform(0.7, 1.6)
    along = np.array([math.cos(turn), 0, -math.sin(turn)]) * width / 2
    up = np.array([math.sin(turn) * back, 1, math.cos(turn) * back]) * height
    foot = np.array([x, 0, z])
    world.face(np.array([foot - along, foot + along, foot + along + up, foot - along + up]), "paper")


def _sticks(world: World, x: float, z: float, size: float) -> None:
    """Add a cup with pens, brushes or straws."""
    rng = world.rng
    place = world.upright(x, size * 0.5, z)
    if place is None:
        return
    px, py, disparity, scale = place
    for _ in range(int(rng.integers(1, 7))):
        lean_by = rng.normal(0, 0.35)
        end = np.array([px + lean_by * size * scale, py - size * scale * rng.uniform(0.5, 1.3)])
        mask = world.scene.canvas.draw(
            bar(np.array([px, py]), end, max(size * scale * rng.uniform(0.02, 0.06), 1.0))
        )
        if mask is not None:
            world.scene.add(slanted(rng, px, py, disparity * 0.99, 0.01), mask, "any")
    post(world, (x, 0, z), size * 0.2, size * 0.6, "any")


def _floating(scene: Scene, count: int, far: float) -> None:
    """Add a few shapes with holes, rings among them, near the camera."""
    rng, rig = scene.rng, scene.rig
    for _ in range(count):
        x, y = rng.uniform(0, rig.width), rng.uniform(0, rig.height)
        r = math.exp(rng.uniform(math.log(12), math.log(60)))
        points = outline(rng, x, y, r, r * rng.uniform(0.5, 1))
        mask = scene.canvas.draw(points)
        if mask is None:
            continue
        mask.fill((points - (x, y)) * rng.uniform(0.4, 0.85) + (x, y), 0)
        disparity = rng.uniform(far, scene.near)
        scene.add(slanted(rng, x, y, disparity, 0.06), mask, "any", None, uneven(rng, 0.15))
