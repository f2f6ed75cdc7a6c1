"""What matching fails on in real pairs, each for a share of the scenes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from dsmnet.synthetic.alpha_masks import Points, ball, blob, circle, rectangle, uneven
from dsmnet.synthetic.geometry import Bump, Plane, dot, normal_of
from dsmnet.synthetic.scene import Scene, Surface
from dsmnet.synthetic.thin import add_thin
from dsmnet.synthetic.world import BOX_FACES, BOX_FOOT, rotation

_HALF = np.array([0, 0.5, 0])
_LARGE = 0.12  # of the view: smaller surfaces get no light of their own


def add_floating(scene: Scene) -> None:
    """Put 10 to 30 boxes, balls, lumps, plates and rings in mid-air, turned anyhow, at all distances."""
    rng, rig = scene.rng, scene.rig
    for _ in range(scene.count(10, 30)):
        size = rig.height * math.exp(rng.uniform(math.log(0.03), math.log(0.22)))
        x, y = rng.uniform(-10, rig.width * 1.1), rng.uniform(0, rig.height)
        disparity = scene.in_front(x, y, 0.2, 1.0)
        kind, family = rng.random(), ("any", "any", "plain", "thin", "paper")[int(rng.integers(0, 5))]
        if kind < 0.4:
            _tumbling_box(scene, (x, y, disparity), size, family)
            continue
        rx, ry = size * rng.uniform(0.5, 1.0, 2)
        outline = circle if kind < 0.6 else rectangle if kind < 0.75 else partial(blob, rng)
        points = outline(x, y, rx, ry)
        mask = scene.canvas.draw(points)
        if mask is None:
            continue
        if rng.random() < 0.2:
            mask.fill((points - (x, y)) * rng.uniform(0.5, 0.85) + (x, y), 0)
        bump, shading = None, uneven(rng)
        if kind < 0.6:
            rise = min(0.5 * disparity * rx * disparity / rig.focal, 0.16 * rx)
            bump, shading = (
                Bump(x, y, rise, rise / rx**2, rise / ry**2, rx=rx),
                ball(scene.light, scene.ambient),
            )
        a, b = (0.0, 0.0) if bump else (rng.normal(0, 0.5, 2) * disparity / rig.focal).tolist()
        scene.add(Plane(a, b, disparity - a * x - b * y), mask, family, bump, shading)


def _tumbling_box(scene: Scene, at: tuple[float, float, float], size: float, family: str) -> None:
    rng, rig = scene.rng, scene.rig
    x, y, disparity = at
    middle = np.array([(x - rig.cx) / rig.focal, (y - rig.cy) / rig.focal, 1.0]) * (rig.focal / disparity)
    turn = (
        rotation(rng.uniform(0, 6.3), 0) @ rotation(rng.uniform(0, 6.3), 1) @ rotation(rng.uniform(0, 6.3), 2)
    )
    edges = 2 * size / disparity * rng.uniform(0.15, 1.0, 3)
    corners = (np.concatenate([BOX_FOOT - _HALF, BOX_FOOT + _HALF])) * edges @ turn + middle
    if corners[:, 2].min() < 0.5 * middle[2]:
        return
    material = scene.material(family)
    for face in BOX_FACES:
        quad = corners[face]
        if dot(normal_of(quad), quad[0].tolist()) < 0:
            mask = scene.canvas.draw(rig.project(quad))
            if mask is not None:
                scene.add(rig.plane(quad[0].tolist(), normal_of(quad)), mask, material)


def add_light(scene: Scene) -> None:
    """Let light fall off over walls and floors, and cast the shadows of things outside the view on them."""
    rng, rig = scene.rng, scene.rig
    for host in [surface for surface in scene.surfaces if _is_large(surface, scene)]:
        for _ in range(int(rng.integers(1, 4))):
            x, y = rng.uniform(0, 1.2) * rig.width, rng.uniform(0, 1) * rig.height
            reach = rig.width * rng.uniform(0.1, 0.7)
            if rng.random() < 0.5:  # a gradient
                points, softness = blob(rng, x, y, reach, reach), reach * rng.uniform(0.25, 0.6)
                scene.shadow(host, points, rng.uniform(0.1, 0.5), softness)
            else:
                points = _shadow_outline(rng, x, y, reach)
                scene.shadow(host, points, rng.uniform(0.2, 0.75), math.exp(rng.uniform(-0.5, 2)))


def _shadow_outline(rng: np.random.Generator, x: float, y: float, size: float) -> Points:
    """Return a post's, a house's or a crown's."""
    kind = rng.random()
    if kind < 0.4:
        return rectangle(x, y, size, size * rng.uniform(0.03, 0.2), rng.uniform(0, math.pi))
    if kind < 0.7:
        return rectangle(x, y, size, size * rng.uniform(0.3, 1), rng.uniform(0, math.pi))
    return blob(rng, x, y, size, size * rng.uniform(0.3, 0.8), ragged=0.6)


def _is_large(surface: Surface, scene: Scene) -> bool:
    """Return whether a surface is a wall or a floor: neither small, nor the sky."""
    if surface.texture is None or surface.on_body or surface.opacity < 1:
        return False
    a, b, c = surface.geometry.plane
    if a == b == 0 and c < 0.05 * scene.near:
        return False
    x0, y0, x1, y1 = surface.left_box(scene.rig.width, scene.rig.height)
    return (x1 - x0) * (y1 - y0) > _LARGE * scene.rig.width * scene.rig.height


# What is put into a scene when its layout is done. The other cases change the layout or the views.
PROPS: dict[str, Callable[[Scene], None]] = {"thin": add_thin, "floating": add_floating, "light": add_light}
HARD_CASES = ("plain_walls", "tiles", "shiny_cars", "wet_ground", "narrow", "vivid", *PROPS)
