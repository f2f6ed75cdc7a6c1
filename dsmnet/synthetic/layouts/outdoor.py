"""Scenes under the sky."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from dsmnet.synthetic import props
from dsmnet.synthetic.alpha_masks import blob, ramp, rectangle
from dsmnet.synthetic.cars import car
from dsmnet.synthetic.geometry import Plane
from dsmnet.synthetic.scene import Scene, Surface
from dsmnet.synthetic.thin import fine_tree
from dsmnet.synthetic.world import World, flat, upright_rectangle


def _outdoors(scene: Scene, eye: tuple[float, float], turned: float) -> World:
    """Return a world whose ground has about the nearest disparity at the bottom of the view."""
    rng, rig = scene.rng, scene.rig
    roll, pitch, yaw = rng.normal(0, 0.012), rng.normal(0, 0.02), rng.normal(0, turned)
    height = rng.uniform(*eye)
    horizon = rig.cy + rig.focal * math.tan(pitch)
    rows = max(rig.height - horizon, 0.25 * rig.height)
    bottom = scene.near * rng.uniform(0.5, 0.95)
    return World(scene, height, rows / bottom / height, yaw, pitch, roll)


def _sky(scene: Scene) -> None:
    rng, rig = scene.rng, scene.rig
    far = rng.uniform(0.0, 0.012) * scene.near
    scene.add(Plane(0, 0, far + 0.02), None, "sky")
    for _ in range(scene.count(0, 3)):
        far *= rng.uniform(1.0, 1.8)
        x, width = rng.uniform(0, rig.width), rig.width * rng.uniform(0.3, 1.0)
        y = rig.cy + rig.height * rng.uniform(-0.02, 0.05)
        if rng.random() < 0.6:
            points = blob(rng, x, y, width, rig.height * rng.uniform(0.05, 0.25), 0.4)
        else:
            points = rectangle(x, y, width * 0.4, rig.height * rng.uniform(0.05, 0.3))
        mask = scene.canvas.draw(points)
        if mask is not None:
            scene.add(Plane(0, 0, far + 0.03), mask, "leaves" if rng.random() < 0.5 else "facade")


def _house_row(world: World, side: int, away: float, far: float) -> None:
    """Add houses along one side of the street, `away` metres from its middle."""
    rng = world.rng
    z = rng.uniform(-10, 5)
    tall = rng.uniform(4, 16)
    while z < far:
        length = rng.uniform(7, 25)
        height = tall * rng.uniform(0.7, 1.3)
        x = away + max(rng.normal(0, 0.5), -1.0)
        if rng.random() < 0.85:
            material = world.scene.material("facade" if rng.random() < 0.7 else "wall")
            front = upright_rectangle(side * x, z, side * x, z + length, 0, height)
            wall = world.face(front, material, ramp(bottom=0.9))
            world.face(upright_rectangle(side * x, z, side * (x + 10), z, 0, height), material)
            if wall is not None and rng.random() < 0.6:
                shop = upright_rectangle(side * x, z + 0.1 * length, side * x, z + 0.9 * length, 0.4, 2.8)
                world.decal(wall, shop, "paper" if rng.random() < 0.5 else "wall")
            if rng.random() < 0.3:
                _balconies(world, side, x, z, length, height)
        elif rng.random() < 0.6:
            _tree(world, side * (x + 2), z + length / 2, rng.uniform(5, 10))
        z += length + (rng.uniform(1, 6) if rng.random() < 0.25 else 0)


def _balconies(world: World, side: int, x: float, z: float, length: float, height: float) -> None:
    rng = world.rng
    material = world.scene.material("wall")
    for level in np.arange(3.0, height - 1, 3.0)[:3]:
        at = z + length * rng.uniform(0.2, 0.8)
        world.box((side * (x - 0.5), float(level), at), (1.0, 1.0, rng.uniform(1.5, 4)), material)


def _tree(world: World, x: float, z: float, height: float) -> None:
    (fine_tree if "thin" in world.scene.hard else props.tree)(world, x, z, height)


def _road_marks(world: World, ground: Surface | None, half: float, far: float) -> None:
    rng = world.rng
    if rng.random() < 0.7:
        dashed = rng.random() < 0.7
        x, z = rng.uniform(-0.5, 0.5) * half, rng.uniform(0, 4)
        while z < far:
            length = 3.0 if dashed else 40.0
            world.decal(ground, flat(x - 0.07, x + 0.07, z, z + length), "flat")
            z += 2.2 * length if dashed else length
    if rng.random() < 0.25:
        z = rng.uniform(5, 20)
        for x in np.arange(-half, half, 1.0):
            world.decal(ground, flat(x, x + 0.5, z, z + 3), "flat")
    for _ in range(int(rng.integers(0, 4))):
        x, z = rng.uniform(-half, half), rng.uniform(2, 25)
        world.decal(ground, flat(x, x + rng.uniform(0.5, 3), z, z + rng.uniform(0.5, 8)), "asphalt")


def _pavement(world: World, side: int, inner: float, far: float) -> None:
    rng = world.rng
    high, outer = rng.uniform(0.08, 0.2), inner + rng.uniform(1.5, 5)
    x0, x1 = sorted((side * inner, side * outer))
    world.face(flat(x0, x1, 0.2, far, high), "ground")
    world.face(upright_rectangle(side * inner, 0.2, side * inner, far, 0, high), "flat")


def _roadside(world: World, half: float, away: float, far: float, ground: Surface | None) -> None:
    rng = world.rng
    for side in (-1, 1):
        if rng.random() < 0.75:
            z = rng.uniform(1, 10)
            while z < min(far, 45):
                if rng.random() < 0.75:
                    car(world, side * (half - 1.0), z, rng.normal(0, 0.05), ground)
                z += rng.uniform(5.2, 9)
        edge = rng.random()
        if edge < 0.3:
            z = rng.uniform(2, 8)
            end = side * away, z + rng.uniform(5, 20)
            props.fence(world, (side * away, z), end, rng.uniform(0.8, 1.8), "paint")
        elif edge < 0.5:
            z, length = rng.uniform(2, 10), rng.uniform(4, 15)
            for at in np.arange(z, z + length, 1.2)[:8].tolist():
                props.foliage_clump(world, (side * away, 0.6, at), (1.8, 1.3), "leaves", rng.uniform(0, 0.25))


def _traffic(world: World, half: float, away: float, far: float, ground: Surface | None) -> None:
    rng, scene = world.rng, world.scene
    for _ in range(scene.count(0, 3)):
        turn = rng.normal(0, 0.15) if rng.random() < 0.7 else rng.uniform(0, 3)
        car(world, rng.uniform(-half, half) * 0.6, rng.uniform(6, 40), turn, ground)
    kinds = {"post": 0.25, "sign": 0.2, "tree": 0.25, "person": 0.2, "object": 0.1}
    for _ in range(scene.count(4, 16)):
        kind = str(rng.choice(list(kinds), p=list(kinds.values())))
        if rng.random() < 0.5:
            x = float(rng.choice([-1, 1])) * rng.uniform(half * 0.9, away)
            z = 2.0 + math.exp(rng.uniform(0, math.log(45)))
        else:
            x, z = world.ground_in_view(0.6 * far)
        if kind == "post":
            props.shadow_below(world, x, z, 0.4, 0.4, 0, ground)
            height = rng.choice([1.0, 3.0, 6.0]) * rng.uniform(0.8, 1.2)
            props.post(world, (x, 0, z), rng.uniform(0.04, 0.14), height, "flat")
        elif kind == "sign":
            props.sign(world, x, z)
        elif kind == "tree":
            _tree(world, x, z, rng.uniform(3.5, 9))
        elif kind == "person":
            props.shadow_below(world, x, z, 0.7, 0.5, 0, ground)
            props.person(world, x, z)
        else:
            props.small_object(world, x, 0.1, z, rng.uniform(0.5, 1.2))


def street(scene: Scene) -> None:
    """Road, kerbs, houses on both sides, parked cars, poles, signs, trees, people, and the sky."""
    rng = scene.rng
    world = _outdoors(scene, (1.2, 2.2), 0.15 if rng.random() < 0.7 else 0.7)
    _sky(scene)
    ground = world.unbounded((0, 0, 0), (0, 1, 0), "asphalt" if rng.random() < 0.8 else "ground")
    half = rng.uniform(3, 6)
    away, far = half + rng.uniform(1, 6), rng.uniform(40, 110)
    _road_marks(world, ground, half, far)
    for side in (-1, 1):
        if rng.random() < 0.8:
            _pavement(world, side, half, far)
        if rng.random() < 0.85:
            _house_row(world, side, away, far)
    if rng.random() < 0.5:
        world.face(upright_rectangle(-60, far, 60, far, 0, rng.uniform(5, 20)), "facade")
    _roadside(world, half, away, far, ground)
    _traffic(world, half, away, far, ground)


def open_ground(scene: Scene) -> None:
    """Ground up to the horizon, with props of all kinds."""
    rng = scene.rng
    world = _outdoors(scene, (0.6, 2.5), 0.5)
    _sky(scene)
    ground = world.unbounded((0, 0, 0), (0, 1, 0), "ground")
    for _ in range(int(rng.integers(0, 4))):
        x, z = rng.uniform(-8, 8), rng.uniform(1, 25)
        world.decal(ground, flat(x, x + rng.uniform(1, 8), z, z + rng.uniform(1, 12)), "ground")
    far = rng.uniform(12, 50)
    if rng.random() < 0.6:
        turn = rng.normal(0, 0.25) * far
        wall = upright_rectangle(-3 * far, far - turn, 3 * far, far + turn, 0, rng.uniform(2, 14))
        world.face(wall, "facade" if rng.random() < 0.6 else "wall")
    for _ in range(scene.count(8, 28)):
        x, z = world.ground_in_view(0.9 * far)
        _stand(world, x, z, float(rng.choice([0.5, 1.0, 2.0])) * world.eye / 1.6, ground)


def _stand(world: World, x: float, z: float, scale: float, ground: Surface | None) -> None:
    rng = world.rng

    def stand_fence() -> None:
        angle = rng.uniform(0, math.pi)
        end = x + 4 * scale * math.cos(angle), z + 4 * scale * abs(math.sin(angle))
        props.fence(world, (x, z), end, scale * rng.uniform(0.7, 1.6), "paint")

    def stand_furniture() -> None:
        props.chair(world, x, z, rng.uniform(0, 6), ground)
        props.desk(world, x + 0.8, z, rng.uniform(0, 1), ground)

    leaves = (x, 0.5 * scale, z), (1.6 * scale, 1.1 * scale), "leaves"
    kinds: list[Callable[[], object]] = [
        lambda: _tree(world, x, z, rng.uniform(2, 6) * scale),
        lambda: props.sphere(world, (x, 0.35 * scale, z), 0.35 * scale, "any"),
        lambda: world.box((x, 0, z), tuple(scale * rng.uniform(0.4, 2, 3)), "any", rng.uniform(0, 3)),
        lambda: props.post(
            world, (x, 0, z), scale * rng.uniform(0.02, 0.3), scale * rng.uniform(0.8, 4), "any"
        ),
        stand_fence,
        lambda: props.person(world, x, z),
        lambda: props.sign(world, x, z),
        lambda: props.foliage_clump(world, *leaves, rng.uniform(0, 0.4)),
        lambda: car(world, x, z, rng.uniform(0, 3), ground),
        stand_furniture,
        lambda: props.small_object(world, x, 0, z, scale * rng.uniform(0.5, 1.5)),
    ]
    kind = int(rng.integers(0, len(kinds)))
    props.shadow_below(world, x, z, 0.9 * scale, 0.6 * scale, 0, ground, 0.4)
    kinds[kind]()
