"""Scenes of loose surfaces, which stand nowhere or close together on a table."""

from __future__ import annotations

import math

import numpy as np

from dsmnet.synthetic.alpha_masks import Points, bar, blob, circle, rectangle, star, uneven
from dsmnet.synthetic.geometry import Bump, Plane
from dsmnet.synthetic.props import lump, pile, post, shadow_below, small_object, sphere
from dsmnet.synthetic.scene import Scene
from dsmnet.synthetic.world import World


def _slanted(rng: np.random.Generator, x: float, y: float, disparity: float, steepness: float) -> Plane:
    """Return a plane through a pixel with a disparity, its slope in pixels per pixel about `steepness`."""
    a, b = rng.normal(0, steepness, 2)
    a, b = float(np.clip(a, -0.4, 0.4)), float(np.clip(b, -0.6, 0.6))
    return Plane(a, b, disparity - a * x - b * y)


def _curved(rng: np.random.Generator, x: float, y: float, rx: float, ry: float, rise: float) -> Bump:
    """Return a dome or a wave over a patch of half-sizes `rx`, `ry`, at most `rise` pixels high."""
    if rng.random() < 0.6:
        rise = min(rise, 0.17 * rx)
        return Bump(x, y, dome=rise, qx=rise / rx**2, qy=rise / ry**2, rx=rx)
    angle = rng.uniform(0, 2 * math.pi)
    length = max(rx, ry) * rng.uniform(0.5, 2)
    k = 2 * math.pi / length
    wave = min(rise, 0.35 / k)
    return Bump(x, y, wave=wave, kx=k * math.cos(angle), ky=k * math.sin(angle), phase=rng.uniform(0, 6.3))


def _outline(rng: np.random.Generator, x: float, y: float, rx: float, ry: float) -> Points:
    """Return one of many shapes around a pixel."""
    kind = rng.random()
    if kind < 0.3:
        return rectangle(x, y, rx, ry, rng.normal(0, 0.3))
    if kind < 0.5:
        return star(rng, x, y, rx, ry)
    if kind < 0.65:
        return circle(x, y, rx, ry)
    return blob(rng, x, y, rx, ry)


def _scatter(scene: Scene, count: int, far: float, near: float) -> None:
    """Add surfaces between two disparities, log-uniformly; nearer ones tend to be larger."""
    rng, rig = scene.rng, scene.rig
    for _ in range(count):
        disparity = float(np.exp(rng.uniform(math.log(far), math.log(near))))
        size = float(np.exp(rng.uniform(math.log(5), math.log(60)))) * (disparity / near) ** 0.3
        stretch = float(np.exp(rng.normal(0, 0.4)))
        x, y = rng.uniform(-10, rig.width * 1.15), rng.uniform(0, rig.height)
        rx, ry = size * stretch, size / stretch
        steepness = disparity * min(0.25 / max(rx, ry), 1.2 / rig.focal)
        plane = _slanted(rng, x, y, disparity, steepness)
        bump = _curved(rng, x, y, rx, ry, 0.3 * disparity) if rng.random() < 0.4 else None
        points = _outline(rng, x, y, rx, ry)
        mask = scene.canvas.draw(points)
        if mask is None:
            continue
        if rng.random() < 0.15:
            mask.fill(_outline(rng, x, y, rx * 0.5, ry * 0.5), 0)
        scene.add(plane, mask, "any", bump, uneven(rng) if rng.random() < 0.7 else None)


def _thin(scene: Scene, count: int, far: float, near: float) -> None:
    rng, rig = scene.rng, scene.rig
    for _ in range(count):
        disparity = float(np.exp(rng.uniform(math.log(far), math.log(near))))
        start = np.array([rng.uniform(0, rig.width * 1.1), rng.uniform(0, rig.height)])
        angle = rng.choice([0.0, math.pi / 2, rng.uniform(0, math.pi)]) + rng.normal(0, 0.1)
        length = float(np.exp(rng.uniform(math.log(30), math.log(300))))
        end = start + length * np.array([math.cos(angle), math.sin(angle)])
        points = bar(start, end, float(np.exp(rng.uniform(math.log(1.2), math.log(9)))))
        mask = scene.canvas.draw(points)
        if mask is not None:
            scene.add(_slanted(rng, float(start[0]), float(start[1]), disparity, 0.02), mask, "any")


def random_surfaces(scene: Scene) -> None:
    """Surfaces of every shape at every distance, overlapping: the densest and least plausible layout."""
    rng, rig, near = scene.rng, scene.rig, scene.near
    far = near * float(np.exp(rng.uniform(math.log(0.08), math.log(0.7))))
    middle = rig.width / 2, rig.height / 2
    a, b = rng.uniform(-0.4, 0.4, 2) * far / (rig.width, rig.height)  # nowhere behind infinity
    bump = _curved(rng, *middle, *middle, 0.3 * far) if rng.random() < 0.3 else None
    scene.add(Plane(a, b, far - a * middle[0] - b * middle[1]), None, "any", bump)
    _scatter(scene, scene.count(10, 45), far * 1.1, near)
    _thin(scene, scene.count(0, 8), far * 1.3, near)


def still_life(scene: Scene) -> None:
    """Objects close together on a table before a cloth, a board or a wall."""
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
    rng, scene, rig = world.rng, world.scene, world.scene.rig
    world.unbounded((0, 0, depth), (rng.normal(0, 0.15), 0, 1), "wall" if rng.random() < 0.5 else "any")
    far = world.disparity(0, 0, depth)
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.uniform(0, rig.width), rng.uniform(0, rig.height)
        rx, ry = rig.width * rng.uniform(0.1, 0.5), rig.height * rng.uniform(0.2, 0.8)
        disparity = far * rng.uniform(1.02, 1.25)
        bump = _curved(rng, x, y, rx, ry, 0.12 * far) if rng.random() < 0.6 else None
        mask = scene.canvas.draw(rectangle(x, y, rx, ry, rng.normal(0, 0.15)))
        if mask is not None:
            scene.add(_slanted(rng, x, y, disparity, 0.1 * far / rx), mask, "any", bump, uneven(rng, 0.12))


def _lean(world: World, x: float, z: float, size: float) -> None:
    rng = world.rng
    turn, back = rng.uniform(-0.9, 0.9), rng.uniform(0.0, 0.6)
    width, height = size * rng.uniform(0.6, 1.5), size * rng.uniform(0.7, 1.6)
    along = np.array([math.cos(turn), 0, -math.sin(turn)]) * width / 2
    up = np.array([math.sin(turn) * back, 1, math.cos(turn) * back]) * height
    foot = np.array([x, 0, z])
    world.face(np.array([foot - along, foot + along, foot + along + up, foot - along + up]), "paper")


def _sticks(world: World, x: float, z: float, size: float) -> None:
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
            world.scene.add(_slanted(rng, px, py, disparity * 0.99, 0.01), mask, "any")
    post(world, (x, 0, z), size * 0.2, size * 0.6, "any")


def _floating(scene: Scene, count: int, far: float) -> None:
    """Add a few shapes with holes, rings among them, near the camera."""
    rng, rig = scene.rng, scene.rig
    for _ in range(count):
        x, y = rng.uniform(0, rig.width), rng.uniform(0, rig.height)
        r = math.exp(rng.uniform(math.log(12), math.log(60)))
        points = _outline(rng, x, y, r, r * rng.uniform(0.5, 1))
        mask = scene.canvas.draw(points)
        if mask is None:
            continue
        mask.fill((points - (x, y)) * rng.uniform(0.4, 0.85) + (x, y), 0)
        disparity = rng.uniform(far, scene.near)
        scene.add(_slanted(rng, x, y, disparity, 0.06), mask, "any", None, uneven(rng, 0.15))
