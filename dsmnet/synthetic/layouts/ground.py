"""Open ground up to the horizon, with props of all kinds."""

from __future__ import annotations

import math
from collections.abc import Callable

from dsmnet.synthetic.layouts.street import outdoors, sky
from dsmnet.synthetic.props import car, chair, desk, fence, person, sign, small_object
from dsmnet.synthetic.rounded import foliage_clump, post, shadow_below, sphere, tree
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
        _stand(world, x, z, float(rng.choice([0.5, 1.0, 2.0])) * world.eye / 1.6, ground)


def _stand(world: World, x: float, z: float, scale: float, ground: Surface | None) -> None:
    """Add one prop of any kind."""
    rng = world.rng

    def stand_fence() -> None:
        angle = rng.uniform(0, math.pi)
        end = x + 4 * scale * math.cos(angle), z + 4 * scale * abs(math.sin(angle))
        fence(world, (x, z), end, scale * rng.uniform(0.7, 1.6), "paint")

    def stand_furniture() -> None:
        chair(world, x, z, rng.uniform(0, 6), ground)
        desk(world, x + 0.8, z, rng.uniform(0, 1), ground)

    leaves = (x, 0.5 * scale, z), (1.6 * scale, 1.1 * scale), "leaves"
    kinds: list[Callable[[], object]] = [
        lambda: tree(world, x, z, rng.uniform(2, 6) * scale),
        lambda: sphere(world, (x, 0.35 * scale, z), 0.35 * scale, "any"),
        lambda: world.box((x, 0, z), tuple(scale * rng.uniform(0.4, 2, 3)), "any", rng.uniform(0, 3)),
        lambda: post(world, (x, 0, z), scale * rng.uniform(0.02, 0.3), scale * rng.uniform(0.8, 4), "any"),
        stand_fence,
        lambda: person(world, x, z),
        lambda: sign(world, x, z),
        lambda: foliage_clump(world, *leaves, rng.uniform(0, 0.4)),
        lambda: car(world, x, z, rng.uniform(0, 3), ground),
        stand_furniture,
        lambda: small_object(world, x, 0, z, scale * rng.uniform(0.5, 1.5)),
    ]
    kind = int(rng.integers(0, len(kinds)))
    shadow_below(world, x, z, 0.9 * scale, 0.6 * scale, 0, ground, 0.4)
    kinds[kind]()
