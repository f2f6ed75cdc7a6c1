"""Scenes inside."""

from __future__ import annotations

import math

import numpy as np

from dsmnet.synthetic.geometry import Bump
from dsmnet.synthetic.layouts.fittings import fit_out
from dsmnet.synthetic.props import chair, desk, lump, person, pile, post, shadow_below, small_object, sphere
from dsmnet.synthetic.scene import Scene, Surface
from dsmnet.synthetic.world import World, flat, upright_rectangle


def room(scene: Scene) -> None:
    """Floor, walls and ceiling, tables, chairs, shelves, pictures, curtains, lamps, plants, balls."""
    rng, rig = scene.rng, scene.rig
    eye, depth = rng.uniform(0.7, 1.7), math.exp(rng.uniform(math.log(2.2), math.log(7)))
    nearest = depth / rng.uniform(1.5, 4)
    metre = rig.focal / scene.near / nearest
    world = World(scene, eye, metre, rng.normal(0, 0.35), rng.normal(0, 0.08), rng.normal(0, 0.02))
    left, right, height = rng.uniform(1, 4), rng.uniform(1, 4), rng.uniform(2.2, 3.2)
    floor = world.unbounded((0, 0, 0), (0, 1, 0), "ground" if rng.random() < 0.6 else "furniture")
    material = scene.material("wall")
    back = world.unbounded((0, 0, depth), (0, 0, 1), material)
    sides = [
        world.unbounded((x, 0, 0), (1, 0, 0), material if rng.random() < 0.7 else "wall")
        for x in (-left, right)
    ]
    world.unbounded((0, height, 0), (0, 1, 0), "flat")
    _hang_pictures(world, back, sides, (left, right, depth, height))
    if rng.random() < 0.5:
        x, z = rng.uniform(-left, right), rng.uniform(nearest, depth)
        world.decal(floor, flat(x - 1, x + 1, z - 0.8, z + 0.8), "any")
    if "plain_walls" in scene.hard:
        _hang_pictures(world, back, sides, (left, right, depth, height))
        fit_out(world, floor, (left, right, nearest, depth), height)
    for _ in range(scene.count(3, 12)):
        _furnish(world, floor, (left, right, nearest, depth), height)
    for _ in range(scene.count(0, 6)):
        x, z = world.ground_in_view(depth)
        x, z = min(max(x, -left), right), min(z, depth)
        size = rng.uniform(0.15, 0.7)
        shadow_below(world, x, z, size, size, 0, floor, 0.4)
        small_object(world, x, 0, z, size)
    if rng.random() < 0.5:
        _curtain(world, rng.uniform(-left, right), depth - 0.15, height)


def _hang_pictures(
    world: World, back: Surface | None, sides: list[Surface | None], room: tuple[float, float, float, float]
) -> None:
    rng = world.rng
    left, right, depth, height = room
    for _ in range(world.scene.count(1, 5)):
        width, tall, low = rng.uniform(0.3, 1.6), rng.uniform(0.3, 1.3), rng.uniform(0.6, 1.5)
        if rng.random() < 0.6:
            x = rng.uniform(-left, right)
            corners, host = upright_rectangle(x, depth, x + width, depth, low, min(low + tall, height)), back
        else:
            k = int(rng.integers(0, 2))
            x, z = (-left, right)[k], rng.uniform(0.2, 1) * depth
            corners, host = upright_rectangle(x, z, x, z + width, low, min(low + tall, height)), sides[k]
        if rng.random() < 0.5:
            world.decal(host, corners * 1.0, "flat")
            middle = corners.mean(axis=0)
            corners = middle + (corners - middle) * 0.9
        world.decal(host, corners, "paper" if rng.random() < 0.7 else "any")


def _furnish(
    world: World, floor: Surface | None, room: tuple[float, float, float, float], height: float
) -> None:
    rng = world.rng
    left, right, nearest, depth = room
    x, z = world.ground_in_view(0.95 * depth)
    x, z = min(max(x, -0.9 * left), 0.9 * right), min(max(z, nearest), 0.95 * depth)
    turn = rng.uniform(-0.6, 0.6)
    kind = rng.random()
    if kind < 0.3:
        top = desk(world, x, z, turn, floor)
        for _ in range(int(rng.integers(0, 4))):
            small_object(world, x + rng.normal(0, 0.25), top, z + rng.normal(0, 0.15), rng.uniform(0.08, 0.4))
    elif kind < 0.5:
        chair(world, x, z, turn * 4, floor)
    elif kind < 0.68:
        size = rng.uniform(0.3, 1.0), rng.uniform(0.3, 2.0), rng.uniform(0.3, 0.7)
        shadow_below(world, x, z, size[0] * 1.1, size[2] * 1.1, turn, floor, 0.5)
        faces = world.box((x, 0, z), size, "furniture" if rng.random() < 0.7 else "any", turn)
        if faces and rng.random() < 0.4:
            small_object(world, x, size[1], z, rng.uniform(0.15, 0.4))
    elif kind < 0.8:
        _shelf(world, x, z, turn * 0.3, floor)
    elif kind < 0.88:
        tall = rng.uniform(0.6, 1.7)  # a bright shade on a thin foot
        post(world, (x, 0, z), 0.015, tall, "flat")
        sphere(world, (x, tall, z), rng.uniform(0.1, 0.2), "paint")
    elif kind < 0.93:
        person(world, x, z)
    else:
        lump(world, (x, 0.4, z), (rng.uniform(0.5, 1.2), rng.uniform(0.5, 1.0)), "any")


def _shelf(world: World, x: float, z: float, turn: float, floor: Surface | None) -> None:
    rng = world.rng
    width, height, depth = rng.uniform(0.6, 1.4), rng.uniform(0.8, 2.0), 0.3
    material = world.scene.material("furniture")
    shadow_below(world, x, z, width, depth, turn, floor, 0.5)
    world.box((x, 0, z + depth / 2), (width, height, 0.02), material, turn)
    cos, sin = math.cos(turn), math.sin(turn)
    for side in (-0.5, 0.5):
        world.box((x + side * width * cos, 0, z - side * width * sin), (0.03, height, depth), material, turn)
    for level in np.linspace(0.02, height, int(rng.integers(3, 6))).tolist():
        world.box((x, level, z), (width, 0.03, depth), material, turn)
        for _ in range(int(rng.integers(0, 3))):
            at = rng.uniform(-0.35, 0.35) * width
            pile(world, x + at * cos, level + 0.03, z - at * sin, 0.22, 1)


def _curtain(world: World, x: float, z: float, height: float) -> None:
    rng = world.rng
    place = world.upright(x, height / 2, z)
    if place is None:
        return
    px, py, disparity, scale = place
    width = rng.uniform(0.5, 1.5) * scale
    tall = height * scale * rng.uniform(0.4, 0.52)
    bottom = px + width * 1.05
    corners = [[px, py - tall], [px + width, py - tall], [bottom, py + tall], [px, py + tall]]
    mask = world.scene.canvas.draw(np.array(corners))
    if mask is None:
        return
    folds = rng.uniform(3, 9)
    k = 2 * math.pi * folds / max(width, 1)
    wave = min(0.02 * disparity, 0.3 / k)
    bump = Bump(px, py, wave=wave, kx=k, ky=k * rng.normal(0, 0.05), phase=rng.uniform(0, 6))
    plane = world.plane((x, height / 2, z), (0, 0, 1))
    light = np.tile(1 + 0.25 * np.cos(np.linspace(0, 2 * math.pi * folds, 80)), (2, 1)).astype(np.float32)
    world.scene.add(plane, mask, "any", bump, light)
