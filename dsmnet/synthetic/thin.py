"""Thin things: rods, railings, hangers, nets, wheels, cables, grass, twigs and leaves in bunches, trees."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsmnet.synthetic.alpha_masks import AlphaMask, bars
from dsmnet.synthetic.geometry import normal_of
from dsmnet.synthetic.materials import AnyMaterial
from dsmnet.synthetic.props import post
from dsmnet.synthetic.scene import Scene
from dsmnet.synthetic.world import World, rotation

Drawing = NDArray[np.float64]  # [N, K, 2], shares of the size: lines or outlines of K points; y points up

_FINEST = 1.1  # pixels; a thinner line would have no pixel of its own


class Sheet(NamedTuple):
    """A tilted plane to draw on."""

    origin: NDArray[np.float64]  # [3], baselines, in the camera's axes
    axes: NDArray[np.float64]  # [2, 3], the directions of x and y, as long as the size in baselines


def draw_on(
    scene: Scene,
    sheet: Sheet,
    drawings: list[Drawing],
    width: float,
    material: AnyMaterial,
    filled: bool = False,
) -> None:
    """Add lines `width` (share of the size) thick, or filled outlines, as one surface."""
    rig = scene.rig
    points = np.concatenate([drawing.reshape(-1, 2) for drawing in drawings]) @ sheet.axes + sheet.origin
    if points[:, 2].min() < 0.5 * sheet.origin[2]:
        return
    placed = rig.project(points)
    box = scene.canvas.clip(placed)
    if box is None:
        return
    mask = AlphaMask(box, margin=1.0, scale=None if max(box[2] - box[0], box[3] - box[1]) < 160 else 1.5)
    thick = max(width * float(np.linalg.norm(sheet.axes[1])) * rig.focal / float(sheet.origin[2]), _FINEST)
    done = 0
    for count, corners, _ in (drawing.shape for drawing in drawings):
        lines = placed[done : done + count * corners].reshape(count, corners, 2)
        done += count * corners
        if not filled:
            lines = bars(lines[:, :-1].reshape(-1, 2), lines[:, 1:].reshape(-1, 2), thick)
        mask.fill_each(lines)
    corners_of_plane = np.stack([sheet.origin, sheet.origin + sheet.axes[0], sheet.origin + sheet.axes[1]])
    scene.add(rig.plane(sheet.origin.tolist(), normal_of(corners_of_plane)), mask, material)


def _lines(*lines: tuple[float, float, float, float]) -> Drawing:
    return np.array(lines, np.float64).reshape(-1, 2, 2)


def railing(rng: np.random.Generator) -> list[Drawing]:
    """Uprights between two or more rails."""
    high = rng.uniform(0.25, 0.7)
    uprights = [(x, 0.0, x, high) for x in np.linspace(-1, 1, int(rng.integers(5, 22)))]
    return [_lines(*uprights, *((-1, y, 1, y) for y in np.linspace(0, high, int(rng.integers(2, 4)))))]


def net(rng: np.random.Generator) -> list[Drawing]:
    """Meshes, upright or turned."""
    at = np.linspace(-0.7, 0.7, int(rng.integers(4, 12)))
    lines = _lines(*((x, -0.7, x, 0.7) for x in at), *((-0.7, y, 0.7, y) for y in at))
    return [lines @ rotation(rng.choice([0, math.pi / 4]), 2)[:2, :2]]


def rods(rng: np.random.Generator) -> list[Drawing]:
    """A few long rods, parallel or in any direction."""
    count = int(rng.integers(1, 6))
    angles = rng.uniform(0, math.pi) + rng.normal(0, rng.choice([0.03, 0.5]), count)
    middles, along = rng.uniform(-0.6, 0.6, (count, 2)), np.stack([np.cos(angles), np.sin(angles)], 1)
    return [np.stack([middles - along, middles + along], 1)]


def hanger(rng: np.random.Generator) -> list[Drawing]:
    """Shoulders, a hook, and sometimes the rod that it hangs from."""
    drop = rng.uniform(0.25, 0.4)
    t = np.linspace(0.0, 4.4, 7)
    hook = np.stack([0.06 * np.sin(t), 0.16 - 0.06 * np.cos(t)], 1)
    frame = np.array([(0, 0.1), (0, 0), (-0.45, -drop), (0.45, -drop), (0, 0)])
    return [frame[None], hook[None], *([_lines((-1, 0.19, 1, 0.19))] if rng.random() < 0.5 else [])]


def wheel(rng: np.random.Generator) -> list[Drawing]:
    """A rim with spokes."""
    around = np.linspace(0, 2 * math.pi, 29)
    rim = np.stack([np.cos(around), np.sin(around)], 1) * 0.5
    tips = rim[:: int(rng.choice([1, 2, 4]))]
    return [np.stack([rim, rim * 0.93]), np.stack([tips * 0.08, tips], 1)]


def cables(rng: np.random.Generator) -> list[Drawing]:
    """Sagging lines between far ends."""
    x = np.linspace(-2.5, 2.5, 15)
    curve = rng.uniform(0.0, 0.12) * x * x + rng.normal(0, 0.2) * x
    return [np.stack([np.stack([x, curve + y], 1) for y in rng.uniform(-0.4, 0.4, rng.integers(1, 5))])]


def grass(rng: np.random.Generator) -> list[Drawing]:
    """Bent blades from one foot."""
    count = int(rng.integers(6, 22))
    x, lean, tall = rng.normal(0, 0.25, count), rng.normal(0, 0.35, count), rng.uniform(0.4, 1.0, count)
    return [
        np.stack(
            [
                np.stack([x, 0 * x], 1),
                np.stack([x + 0.3 * lean, 0.55 * tall], 1),
                np.stack([x + lean, tall], 1),
            ],
            1,
        )
    ]


def twigs(rng: np.random.Generator) -> list[Drawing]:
    """A branch that forks again and again."""
    foot, angle = np.zeros((1, 2)), math.pi / 2 + rng.normal(0, 0.3, 1)
    length, found = rng.uniform(0.35, 0.6, 1), []
    for _ in range(3):
        middle = foot + 0.5 * length[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        angle = angle + rng.normal(0, 0.25, len(angle))
        end = middle + 0.5 * length[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        found.append(np.stack([foot, middle, end], 1))
        foot = np.concatenate([end, end, middle])
        angle = np.tile(angle, 3) + rng.choice([-1, 1], len(foot)) * rng.uniform(0.3, 0.9, len(foot))
        length = np.tile(length, 3) * rng.uniform(0.5, 0.8, len(foot))
    return found


_LEAF = np.array([(-1, 0), (-0.2, 1), (0.4, 0.8), (1, 0), (0.4, -0.8), (-0.2, -1)])


def leaves(rng: np.random.Generator, long: float = 0.12, spread: float = 0.45) -> list[Drawing]:
    """Pointed leaves around a place, each `long` (share of the size)."""
    count = int(rng.integers(15, 50))
    angle, size = rng.uniform(0, 2 * math.pi, count), long * rng.uniform(0.5, 1.3, count)
    along, across = _LEAF[:, 0] * size[:, None], _LEAF[:, 1] * (size * rng.uniform(0.25, 0.6, count))[:, None]
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    leaf = np.stack([cos * along - sin * across, sin * along + cos * across], 2)
    return [leaf + rng.normal(0, spread, (count, 1, 2))]


def blades(rng: np.random.Generator) -> list[Drawing]:
    """Long pointed leaves from one foot, as an agave's; each is an outline."""
    found = []
    for _ in range(int(rng.integers(2, 5))):
        lean, tall, half = rng.normal(0, 0.5), rng.uniform(0.5, 1.0), rng.uniform(0.03, 0.07)
        bend = 0.4 * lean
        found.append(
            [(-half, 0), (bend - half, 0.55 * tall), (lean, tall), (bend + half, 0.5 * tall), (half, 0)]
        )
    return [np.array(found)]


_KINDS: list[tuple[float, Callable[[np.random.Generator], list[Drawing]], bool, tuple[int, int]]] = [
    # weight, what, whether it is filled, smallest and largest number of sheets
    (2.0, rods, False, (1, 3)),
    (1.5, railing, False, (1, 1)),
    (0.7, net, False, (1, 1)),
    (1.5, hanger, False, (2, 5)),
    (0.8, wheel, False, (1, 2)),
    (0.8, cables, False, (1, 2)),
    (1.0, grass, False, (1, 3)),
    (1.5, twigs, False, (1, 3)),
    (1.5, leaves, True, (2, 4)),
    (1.0, blades, True, (2, 4)),
]
_WEIGHTS = np.array([kind[0] for kind in _KINDS])


def add_thin(scene: Scene) -> None:
    """Put bunches of thin things everywhere, each of them over several close disparities."""
    rng, rig = scene.rng, scene.rig
    for _ in range(scene.count(2, 7)):
        _, draw, filled, (low, high) = _KINDS[int(rng.choice(len(_KINDS), p=_WEIGHTS / _WEIGHTS.sum()))]
        x, y = rng.uniform(0, rig.width * 1.1), rng.uniform(0, rig.height)
        disparity = scene.in_front(x, y, 0.12, 0.95)
        size = rig.height * math.exp(rng.uniform(math.log(0.12), math.log(0.7)))
        width, yaw, roll = rng.uniform(0.008, 0.035), rng.normal(0, 0.5), rng.normal(0, 0.1)
        leafy = draw in (leaves, blades, grass)
        family = "green" if leafy and rng.random() < 0.7 else "thin" if rng.random() < 0.7 else "bark"
        material = scene.material(family)
        for k in range(int(rng.integers(low, high + 1))):
            at = disparity * math.exp(rng.normal(0, 0.05))
            sheet = _sheet(
                scene, x + k * rng.normal(0, 0.2) * size, y, at, size, (yaw + rng.normal(0, 0.15), roll)
            )
            draw_on(scene, sheet, draw(rng), width, material, filled)


def _sheet(
    scene: Scene, x: float, y: float, disparity: float, size: float, attitude: tuple[float, float]
) -> Sheet:
    """Return a sheet at a pixel, `size` pixels large, turned by yaw and roll."""
    rig, (yaw, roll) = scene.rig, attitude
    depth = rig.focal / disparity
    origin = np.array([(x - rig.cx) / rig.focal, (y - rig.cy) / rig.focal, 1.0]) * depth
    turn = rotation(float(np.clip(yaw, -1.1, 1.1)), 1) @ rotation(roll, 2)
    return Sheet(origin, np.array([turn[:, 0], -turn[:, 1]]) * (size / disparity))


def fine_tree(world: World, x: float, z: float, height: float) -> None:
    """Add a trunk that forks, and leaves in front of and behind the twigs, with the sky between them."""
    rng, scene = world.rng, world.scene
    bark, green = scene.material("bark"), scene.material("green" if rng.random() < 0.6 else "leaves")
    low, long = rng.uniform(0.2, 0.4), math.exp(rng.uniform(math.log(0.015), math.log(0.05)))
    layers = 2 if rng.random() < 0.25 else int(rng.integers(3, 6))  # bare ones have twigs alone
    post(world, (x, 0, z), 0.015 * height, (low + 0.05) * height, bark)
    for k in range(layers):
        place = world.upright(x, 0, z + (rng.normal(0, 0.06) if k else 0.0) * height)
        if place is None:
            return
        px, py, disparity, scale = place
        size, turned = height * scale, (rng.normal(0, 0.3), rng.normal(0, 0.04))
        if k < 2:
            branches = [drawing for _ in range(3) for drawing in twigs(rng)]
            draw_on(
                scene,
                _sheet(scene, px, py - low * size, disparity, 0.75 * size, turned),
                branches,
                0.012,
                bark,
            )
        else:
            crown = [leaves(rng, long, spread)[0] for spread in (0.1, 0.15, 0.2)]
            draw_on(
                scene,
                _sheet(scene, px, py - 0.68 * size, disparity, size, turned),
                crown,
                0,
                green,
                filled=True,
            )
