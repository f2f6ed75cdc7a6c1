"""Thin things: rods, railings, hangers, nets, wheels, cables, grass, twigs and leaves in bunches, trees."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsmnet.synthetic.alpha_masks import AlphaMask, bar
from dsmnet.synthetic.geometry import normal_of
from dsmnet.synthetic.materials import AnyMaterial
from dsmnet.synthetic.scene import Scene
from dsmnet.synthetic.world import World, rotation

Drawing = NDArray[np.float64]  # [N, 2], shares of the size: a line, or the outline of a leaf; y points up

_FINEST = 1.1  # pixels; a thinner line would have no pixel of its own


class Sheet(NamedTuple):
    """A tilted plane to draw on."""

    origin: NDArray[np.float64]  # [3], baselines, in the camera's axes
    axes: NDArray[np.float64]  # [2, 3], the directions of x and y, as long as the size in baselines


def draw_on(
    scene: Scene,
    sheet: Sheet,
    lines: list[Drawing],
    width: float,
    material: AnyMaterial,
    closed: bool = False,
) -> None:
    """Add lines `width` (share of the size) thick, or filled outlines, as one surface."""
    rig = scene.rig
    points = [line @ sheet.axes + sheet.origin for line in lines]
    together = np.concatenate(points)
    if together[:, 2].min() < 0.5 * sheet.origin[2]:
        return
    placed = rig.project(together)
    box = scene.canvas.clip(placed)
    if box is None:
        return
    mask = AlphaMask(box, margin=1.0, scale=None if max(box[2] - box[0], box[3] - box[1]) < 160 else 1.5)
    thick = max(width * float(np.linalg.norm(sheet.axes[1])) * rig.focal / float(sheet.origin[2]), _FINEST)
    for line in np.split(placed, np.cumsum([len(p) for p in points])[:-1]):
        if closed:
            mask.fill(line)
            continue
        for start, end in itertools.pairwise(line):
            mask.fill(bar(start, end, thick))
    corners = np.stack([sheet.origin, sheet.origin + sheet.axes[0], sheet.origin + sheet.axes[1]])
    scene.add(rig.plane(sheet.origin.tolist(), normal_of(corners)), mask, material)


def _line(*points: tuple[float, float]) -> Drawing:
    return np.array(points, np.float64)


def railing(rng: np.random.Generator) -> list[Drawing]:
    """Uprights between two or more rails."""
    count, high = int(rng.integers(5, 22)), rng.uniform(0.25, 0.7)
    bars = [_line((x, 0), (x, high)) for x in np.linspace(-1, 1, count)]
    return bars + [_line((-1, y), (1, y)) for y in np.linspace(0, high, int(rng.integers(2, 4)))]


def net(rng: np.random.Generator) -> list[Drawing]:
    """Meshes, upright or turned."""
    count = int(rng.integers(4, 12))
    at = np.linspace(-0.7, 0.7, count)
    lines = [_line((x, -0.7), (x, 0.7)) for x in at] + [_line((-0.7, y), (0.7, y)) for y in at]
    turn = rotation(rng.choice([0, math.pi / 4]), 2)[:2, :2]
    return [line @ turn for line in lines]


def rods(rng: np.random.Generator) -> list[Drawing]:
    """A few long rods, parallel or in any direction."""
    base, spread = rng.uniform(0, math.pi), rng.choice([0.03, 0.5])
    found = []
    for _ in range(int(rng.integers(1, 6))):
        angle, (x, y) = base + rng.normal(0, spread), rng.uniform(-0.6, 0.6, 2)
        dx, dy = math.cos(angle), math.sin(angle)
        found.append(_line((x - dx, y - dy), (x + dx, y + dy)))
    return found


def hanger(rng: np.random.Generator) -> list[Drawing]:
    """Shoulders, a hook, and the rod that it hangs from."""
    drop = rng.uniform(0.25, 0.4)
    hook = [(0.06 * math.sin(t), 0.16 - 0.06 * math.cos(t)) for t in np.linspace(0.0, 4.4, 7)]
    frame = _line((0, 0.1), (0, 0), (-0.45, -drop), (0.45, -drop), (0, 0))
    rail = _line((-1, 0.19), (1, 0.19))
    return [frame, np.array(hook), rail] if rng.random() < 0.5 else [frame, np.array(hook)]


def wheel(rng: np.random.Generator) -> list[Drawing]:
    """A rim with spokes."""
    around = np.linspace(0, 2 * math.pi, 29)
    rim = np.stack([np.cos(around), np.sin(around)], 1) * 0.5
    tips = rim[:: int(rng.choice([1, 2, 4]))]
    return [rim, rim * 0.93, *(np.stack([tip * 0.08, tip]) for tip in tips)]


def cables(rng: np.random.Generator) -> list[Drawing]:
    """Sagging lines between far ends."""
    x = np.linspace(-2.5, 2.5, 15)
    sag, tilt = rng.uniform(0.0, 0.12), rng.normal(0, 0.2)
    return [np.stack([x, sag * x * x + tilt * x + y], 1) for y in rng.uniform(-0.4, 0.4, rng.integers(1, 5))]


def grass(rng: np.random.Generator) -> list[Drawing]:
    """Bent blades from one foot."""
    found = []
    for _ in range(int(rng.integers(6, 22))):
        x, lean, tall = rng.normal(0, 0.25), rng.normal(0, 0.35), rng.uniform(0.4, 1.0)
        found.append(_line((x, 0), (x + 0.3 * lean, 0.55 * tall), (x + lean, tall)))
    return found


def twigs(rng: np.random.Generator) -> list[Drawing]:
    """A branch that forks again and again."""

    def grow(x: float, y: float, angle: float, length: float, depth: int) -> Iterator[Drawing]:
        bend = angle + rng.normal(0, 0.25)
        middle = x + 0.5 * length * math.cos(angle), y + 0.5 * length * math.sin(angle)
        end = middle[0] + 0.5 * length * math.cos(bend), middle[1] + 0.5 * length * math.sin(bend)
        yield _line((x, y), middle, end)
        if depth:
            for side in (-1, 1, rng.choice([-1, 1])):
                at = (middle, end)[int(rng.integers(0, 2))]
                yield from grow(
                    *at, angle + side * rng.uniform(0.3, 0.9), length * rng.uniform(0.5, 0.8), depth - 1
                )

    return list(grow(0.0, 0.0, math.pi / 2 + rng.normal(0, 0.3), rng.uniform(0.35, 0.6), 2))


def leaves(rng: np.random.Generator, long: float = 0.12, spread: float = 0.45) -> list[Drawing]:
    """Pointed leaves around a place, each `long` (share of the size)."""
    found = []
    for _ in range(int(rng.integers(15, 50))):
        turn = rotation(rng.uniform(0, 2 * math.pi), 2)[:2, :2]
        size, thick = long * rng.uniform(0.5, 1.3), rng.uniform(0.25, 0.6)
        leaf = _line((-1, 0), (-0.2, thick), (0.4, 0.8 * thick), (1, 0), (0.4, -0.8 * thick), (-0.2, -thick))
        found.append(leaf @ turn * size + rng.normal(0, spread, 2))
    return found


def blades(rng: np.random.Generator) -> list[Drawing]:
    """Long pointed leaves from one foot, as an agave's; each is an outline."""
    found = []
    for _ in range(int(rng.integers(2, 5))):
        lean, tall, half = rng.normal(0, 0.5), rng.uniform(0.5, 1.0), rng.uniform(0.03, 0.07)
        found.append(
            _line(
                (-half, 0),
                (0.4 * lean - half, 0.55 * tall),
                (lean, tall),
                (0.4 * lean + half, 0.5 * tall),
                (half, 0),
            )
        )
    return found


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
        _, draw, closed, (low, high) = _KINDS[int(rng.choice(len(_KINDS), p=_WEIGHTS / _WEIGHTS.sum()))]
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
            draw_on(scene, sheet, draw(rng), width, material, closed)


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
    bare = rng.random() < 0.25
    for k in range(int(rng.integers(3, 6))):
        place = world.upright(x + rng.normal(0, 0.03) * height, 0, z + rng.normal(0, 0.06) * height)
        if place is None:
            return
        px, py, disparity, scale = place
        size = height * scale
        attitude = rng.normal(0, 0.2), rng.normal(0, 0.04)
        if k < 2:
            low = rng.uniform(0.2, 0.4)
            draw_on(
                scene,
                _sheet(scene, px, py, disparity, size, attitude),
                [_line((0, 0), (0, low + 0.05))],
                0.03,
                bark,
            )
            crown = _sheet(scene, px, py - low * size, disparity, 0.8 * size, attitude)
            draw_on(scene, crown, twigs(rng) + twigs(rng), 0.012, bark)
        elif not bare:
            crown = _sheet(scene, px, py - 0.65 * size, disparity, size, attitude)
            draw_on(scene, crown, leaves(rng, 0.05, 0.17) + leaves(rng, 0.04, 0.2), 0.0, green, closed=True)
