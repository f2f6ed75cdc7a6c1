"""Thin things: rods, cables, railings, nets, hangers, wheels, twigs, leaves and blades in bunches, trees."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dsmnet.synthetic.alpha_masks import AlphaMask, bars
from dsmnet.synthetic.geometry import normal_of
from dsmnet.synthetic.materials import AnyMaterial
from dsmnet.synthetic.props import post
from dsmnet.synthetic.scene import Scene
from dsmnet.synthetic.world import Pair, World, rotation

Drawing = list[NDArray[np.float64]]  # [N, K, 2] each: lines or outlines of K points, 1 the size; y points up
Place = tuple[float, float, float, float]  # x, y, disparity and size in pixels

_FINEST = 1.1  # pixels; a thinner line would have no pixel of its own
_LEAF = np.array([(-1, 0), (-0.2, 1), (0.4, 0.8), (1, 0), (0.4, -0.8), (-0.2, -1)])


def draw_on_plane(
    scene: Scene, at: Place, turned: Pair, drawing: Drawing, width: float, material: AnyMaterial
) -> None:
    """Add lines `width` (share of the size) thick, or outlines where it is 0, on a plane of yaw and roll."""
    rig, (x, y, disparity, size) = scene.rig, at
    origin = np.array([(x - rig.cx) / rig.focal, (y - rig.cy) / rig.focal, 1.0]) * (rig.focal / disparity)
    turn = rotation(float(np.clip(turned[0], -1.1, 1.1)), 1) @ rotation(turned[1], 2)
    axes = np.stack([turn[:, 0], -turn[:, 1]]) * (size / disparity)
    points = np.concatenate([part.reshape(-1, 2) for part in drawing]) @ axes + origin
    if points[:, 2].min() < 0.5 * origin[2]:
        return
    placed = rig.project(points)
    box = scene.canvas.clip(placed)
    if box is None:
        return
    mask = AlphaMask(box, margin=1.0, scale=None if max(box[2] - box[0], box[3] - box[1]) < 160 else 1.5)
    parts = np.split(placed, np.cumsum([part.shape[0] * part.shape[1] for part in drawing])[:-1])
    for lines, part in zip(parts, drawing, strict=True):
        lines = lines.reshape(part.shape)
        if width:
            pairs = lines[:, :-1].reshape(-1, 2), lines[:, 1:].reshape(-1, 2)
            lines = bars(*pairs, max(width * size, _FINEST))
        mask.fill_each(lines)
    normal = normal_of(np.stack([origin, origin + axes[0], origin + axes[1]]))
    scene.add(rig.plane(origin.tolist(), normal), mask, material)


def _lattice(rng: np.random.Generator) -> Drawing:
    """Draw a railing, a ladder or a net."""
    high, turn = rng.uniform(0.2, 0.8), rotation(rng.choice([0, 0, math.pi / 4]), 2)[:2, :2]
    upright = [[(x, 0), (x, high)] for x in np.linspace(-1, 1, int(rng.integers(4, 22)))]
    level = [[(-1, y), (1, y)] for y in np.linspace(0, high, int(rng.integers(2, 8)))]
    return [np.array(upright + level) @ turn]


def _rods(rng: np.random.Generator) -> Drawing:
    """Draw straight or sagging lines, parallel or in any direction."""
    count, t = int(rng.integers(1, 6)), np.linspace(-1, 1, 11)
    angle = rng.uniform(0, math.pi) + rng.normal(0, rng.choice([0.03, 0.5]), (count, 1))
    sag, (x, y) = rng.choice([0.0, 0.3]) * rng.random(), rng.uniform(-0.6, 0.6, (2, count, 1))
    long = rng.uniform(0.8, 2.5)
    return [np.stack([x + long * t * np.cos(angle), y + long * t * np.sin(angle) + sag * t * t], 2)]


def _hanger(rng: np.random.Generator) -> Drawing:
    """Draw shoulders, a hook, and sometimes the rod that it hangs from."""
    drop, t = rng.uniform(0.25, 0.4), np.linspace(0.0, 4.4, 7)
    hook = np.stack([0.06 * np.sin(t), 0.16 - 0.06 * np.cos(t)], 1)
    frame = np.array([[(0, 0.1), (0, 0), (-0.45, -drop), (0.45, -drop), (0, 0)]])
    return [frame, hook[None], np.array([[(-1, 0.19), (1, 0.19)]])][: int(rng.integers(2, 4))]


def _wheel(rng: np.random.Generator) -> Drawing:
    """Draw a rim with spokes."""
    around = np.linspace(0, 2 * math.pi, 29)
    rim = np.stack([np.cos(around), np.sin(around)], 1) * 0.5
    tips = rim[:: int(rng.choice([1, 2, 4]))]
    return [np.stack([rim, rim * 0.93]), np.stack([tips * 0.08, tips], 1)]


def _twigs(rng: np.random.Generator) -> Drawing:
    """Draw a branch that forks again and again."""
    foot, angle, length, found = np.zeros((1, 2)), rng.normal(0, 0.3, 1), rng.uniform(0.35, 0.6, 1), []
    for _ in range(3):
        middle = foot + 0.5 * length[:, None] * np.stack([np.sin(angle), np.cos(angle)], 1)
        angle = angle + rng.normal(0, 0.25, len(angle))
        end = middle + 0.5 * length[:, None] * np.stack([np.sin(angle), np.cos(angle)], 1)
        found.append(np.stack([foot, middle, end], 1))
        foot = np.concatenate([end, end, middle])
        angle = np.tile(angle, 3) + rng.choice([-1, 1], len(foot)) * rng.uniform(0.3, 0.9, len(foot))
        length = np.tile(length, 3) * rng.uniform(0.5, 0.8, len(foot))
    return found


def _leaves(rng: np.random.Generator, long: float = 0.12, spread: float = 0.45) -> Drawing:
    """Draw pointed leaves around a place."""
    count = int(rng.integers(15, 50))
    angle, size = rng.uniform(0, 2 * math.pi, (count, 1)), long * rng.uniform(0.5, 1.3, (count, 1))
    along, across = _LEAF[:, 0] * size, _LEAF[:, 1] * size * rng.uniform(0.25, 0.6, (count, 1))
    x, y = np.cos(angle) * along - np.sin(angle) * across, np.sin(angle) * along + np.cos(angle) * across
    return [np.stack([x, y], 2) + rng.normal(0, spread, (count, 1, 2))]


def _blades(rng: np.random.Generator) -> Drawing:
    """Draw grass, or the few long leaves of an agave."""
    count, half = (int(rng.integers(2, 6)), 0.05) if rng.random() < 0.5 else (int(rng.integers(8, 25)), 0.015)
    foot, lean = rng.normal(0, (1.5 * half, 0.45), (count, 2)).T
    xs = foot - half, foot + 0.4 * lean - half, foot + lean, foot + 0.4 * lean + half, foot + half
    return [np.stack([np.stack(xs, 1), rng.uniform(0.4, 1, (count, 1)) * (0, 0.55, 1, 0.5, 0)], 2)]


_Draw = Callable[[np.random.Generator], Drawing]
_KINDS: tuple[_Draw, ...] = (_rods, _rods, _lattice, _lattice, _hanger, _wheel, _twigs, _leaves, _blades)
_OUTLINES = (_leaves, _blades)


def add_thin(scene: Scene) -> None:
    """Put bunches of thin things everywhere, each of them at one to four close disparities."""
    rng, rig = scene.rng, scene.rig
    for _ in range(scene.count(2, 7)):
        draw = _KINDS[int(rng.integers(0, len(_KINDS)))]
        x, y = rng.uniform(0, rig.width * 1.1), rng.uniform(0, rig.height)
        disparity = scene.in_front(x, y, 0.12, 0.95)
        size = rig.height * math.exp(rng.uniform(math.log(0.12), math.log(0.7)))
        width = 0.0 if draw in _OUTLINES else rng.uniform(0.008, 0.035)
        yaw, roll, green = rng.normal(0, 0.5), rng.normal(0, 0.1), 0.7 * (not width)
        material = scene.material(
            "green" if rng.random() < green else "thin" if rng.random() < 0.7 else "bark"
        )
        for k in range(1 if draw in (_rods, _lattice) else int(rng.integers(1, 5))):
            at = x + k * rng.normal(0, 0.2) * size, y, disparity * math.exp(rng.normal(0, 0.05)), size
            draw_on_plane(scene, at, (yaw + rng.normal(0, 0.15), roll), draw(rng), width, material)


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
            branches = [part for _ in range(3) for part in _twigs(rng)]
            draw_on_plane(scene, (px, py - low * size, disparity, 0.75 * size), turned, branches, 0.012, bark)
        else:
            crown = [_leaves(rng, long, spread)[0] for spread in (0.1, 0.15, 0.2)]
            draw_on_plane(scene, (px, py - 0.68 * size, disparity, size), turned, crown, 0.0, green)
