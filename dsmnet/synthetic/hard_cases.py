"""What matching fails on in real pairs, each for a share of the scenes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial

import cv2
import numpy as np

from dsmnet.synthetic.alpha_masks import ball, blob, circle, rectangle, uneven
from dsmnet.synthetic.geometry import Bump, Plane, dot, normal_of
from dsmnet.synthetic.render import View
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
        bump, light = None, uneven(rng)
        if kind < 0.6:
            rise = min(0.5 * disparity * rx * disparity / rig.focal, 0.16 * rx)
            bump = Bump(x, y, rise, rise / rx**2, rise / ry**2, rx=rx)
            light = ball(scene.light, scene.ambient)
        a, b = (0.0, 0.0) if bump else (rng.normal(0, 0.5, 2) * disparity / rig.focal).tolist()
        scene.add(Plane(a, b, disparity - a * x - b * y), mask, family, bump, light)


def _tumbling_box(scene: Scene, at: tuple[float, float, float], size: float, family: str) -> None:
    rng, rig = scene.rng, scene.rig
    x, y, disparity = at
    middle = np.array([(x - rig.cx) / rig.focal, (y - rig.cy) / rig.focal, 1.0]) * (rig.focal / disparity)
    turn = rotation(rng.uniform(0, 6.3), 0) @ rotation(rng.uniform(0, 6.3), 1)
    edges = 2 * size / disparity * rng.uniform(0.15, 1.0, 3)
    corners = np.concatenate([BOX_FOOT - _HALF, BOX_FOOT + _HALF]) * edges @ turn + middle
    if corners[:, 2].min() < 0.5 * middle[2]:
        return
    material = scene.material(family)
    for face in BOX_FACES:
        quad = corners[face]
        if dot(normal_of(quad), quad[0].tolist()) < 0:
            mask = scene.canvas.draw(rig.project(quad))
            if mask is not None:
                scene.add(rig.plane(quad[0].tolist(), normal_of(quad)), mask, material)


def add_light(rng: np.random.Generator, scene: Scene, views: Iterable[View]) -> None:
    """Let light fall off over walls and floors, and cast the shadows of things outside the view on them.

    The light is a map over the left view: the right one sees it shifted by disparity, as all that is painted.
    """
    rig = scene.rig
    large = [surface.body for surface in scene.surfaces if _is_large(surface, scene)]
    if not large:
        return
    grid = np.exp(rng.normal(0, rng.uniform(0.05, 0.3), (3, 4))).astype(np.float32)
    width, height = 3 * rig.width // 4, rig.height // 2  # at half the size, and what the right view sees more
    light = np.asarray(cv2.resize(grid / grid.max(), (width, height), interpolation=cv2.INTER_CUBIC))
    for _ in range(int(rng.integers(0, 4))):
        x, y, size = rng.uniform(0, width), rng.uniform(0, height), width * rng.uniform(0.1, 0.5)
        if rng.random() < 0.7:  # of a post or a house, else of a crown
            points = rectangle(x, y, size, size * rng.uniform(0.03, 0.8), rng.uniform(0, math.pi))
        else:
            points = blob(rng, x, y, size, size * rng.uniform(0.3, 0.8), ragged=0.6)
        shadow = np.zeros((height, width), np.uint8)
        cv2.fillPoly(shadow, [np.rint(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        soft = np.asarray(cv2.GaussianBlur(shadow, (0, 0), math.exp(rng.uniform(-1, 1.2))))
        light *= 1 - soft.astype(np.float32) * np.float32(rng.uniform(0.2, 0.6) / 255)
    wanted = np.zeros(scene.bodies + 1, np.uint8)
    wanted[large] = 1  # the last one stands for the backdrop, which has number -1
    rows = np.repeat(np.arange(rig.height, dtype=np.float32)[:, None] / 2, rig.width, axis=1)
    for view in views:
        x = np.arange(view.width, dtype=np.float32) + view.disparity * np.float32(view.right)
        factor = cv2.remap(light, x / 2, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        shade = view.color[..., 3]
        lit = shade.astype(np.float32) * np.clip(factor, 0.3, 1)
        lit += rng.random(lit.shape, np.float32)  # else light that falls off slowly would have contour lines
        np.copyto(shade, lit.astype(np.uint8), where=wanted[view.body].view(bool))


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
PROPS: dict[str, Callable[[Scene], None]] = {"thin": add_thin, "floating": add_floating}
CROWDING = {"floating": 0.6, "thin": 0.8, "plain_walls": 0.8}  # factors on the props of the layout
HARD_CASES = ("plain_walls", "tiles", "shiny_cars", "wet_ground", "narrow", "vivid", "light", *PROPS)
