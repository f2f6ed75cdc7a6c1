"""Open ground up to the horizon, with all sorts of things standing about."""

from __future__ import annotations

import math

from dsmnet.synthetic.layouts.street import outdoors, sky
from dsmnet.synthetic.props import (
    car,
    chair,
    fence,
    leafy,
    person,
    post,
    shadow_below,
    sign,
    small_thing,
    sphere,
    table,
    tree,
)
from dsmnet.synthetic.scene import Scene
from dsmnet.synthetic.surface import Surface
from dsmnet.synthetic.world import World, flat, upright_rectangle


def build(scene: Scene) -> None:
    """Fill a scene."""
    rng = scene.rng
    world = outdoors(scene, (0.6, 2.5), 0.5)
    sky(scene)
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
        stand(world, x, z, float(rng.choice([0.5, 1.0, 2.0])) * world.eye / 1.6, ground)


def stand(world: World, x: float, z: float, scale: float, ground: Surface | None) -> None:
    """Add one thing of any kind."""
    rng = world.rng
    kind = int(rng.integers(0, 11))
    shadow_below(world, x, z, 0.9 * scale, 0.6 * scale, 0, ground, 0.4)
    if kind == 0:
        tree(world, x, z, rng.uniform(2, 6) * scale)
    elif kind == 1:
        sphere(world, x, 0.35 * scale, z, 0.35 * scale, "any")
    elif kind == 2:
        width, height, depth = scale * rng.uniform(0.4, 2, 3)
        world.box((x, 0, z), (width, height, depth), "any", rng.uniform(0, 3))
    elif kind == 3:
        post(world, x, z, scale * rng.uniform(0.02, 0.3), scale * rng.uniform(0.8, 4), "any")
    elif kind == 4:
        angle = rng.uniform(0, math.pi)
        end = x + 4 * scale * math.cos(angle), z + 4 * scale * abs(math.sin(angle))
        fence(world, (x, z), end, scale * rng.uniform(0.7, 1.6), "paint")
    elif kind == 5:
        person(world, x, z)
    elif kind == 6:
        sign(world, x, z)
    elif kind == 7:
        leafy(world, x, 0.5 * scale, z, 1.6 * scale, 1.1 * scale, "leaves", rng.uniform(0, 0.4))
    elif kind == 8:
        car(world, x, z, rng.uniform(0, 3), ground)
    elif kind == 9:
        chair(world, x, z, rng.uniform(0, 6), ground)
        table(world, x + 0.8, z, rng.uniform(0, 1), ground)
    else:
        small_thing(world, x, 0, z, scale * rng.uniform(0.5, 1.5))
