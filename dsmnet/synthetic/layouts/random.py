"""Surfaces of every shape at every distance, overlapping: the densest and least plausible layout."""

from __future__ import annotations

import math

import numpy as np

from dsmnet.synthetic.alpha_masks import Points, bar, blob, circle, rectangle, star, uneven
from dsmnet.synthetic.geometry import Bump, Plane
from dsmnet.synthetic.scene import Scene


def slanted(rng: np.random.Generator, x: float, y: float, disparity: float, steepness: float) -> Plane:
    """Return a plane through a pixel with a disparity, its slope in pixels per pixel about `steepness`."""
    a, b = rng.normal(0, steepness, 2)
    a, b = float(np.clip(a, -0.4, 0.4)), float(np.clip(b, -0.6, 0.6))
    return Plane(a, b, disparity - a * x - b * y)


def curved(rng: np.random.Generator, x: float, y: float, rx: float, ry: float, rise: float) -> Bump:
    """Return a dome or a wave over a patch of half-sizes `rx`, `ry`, at most `rise` pixels high."""
    if rng.random() < 0.6:
        rise = min(rise, 0.17 * rx)
        return Bump(x, y, dome=rise, qx=rise / rx**2, qy=rise / ry**2, rx=rx)
    angle = rng.uniform(0, 2 * math.pi)
    length = max(rx, ry) * rng.uniform(0.5, 2)
    k = 2 * math.pi / length
    wave = min(rise, 0.35 / k)
    return Bump(x, y, wave=wave, kx=k * math.cos(angle), ky=k * math.sin(angle), phase=rng.uniform(0, 6.3))


def outline(rng: np.random.Generator, x: float, y: float, rx: float, ry: float) -> Points:
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
        plane = slanted(rng, x, y, disparity, steepness)
        bump = curved(rng, x, y, rx, ry, 0.3 * disparity) if rng.random() < 0.4 else None
        points = outline(rng, x, y, rx, ry)
        mask = scene.canvas.draw(points)
        if mask is None:
            continue
        if rng.random() < 0.15:
            mask.fill(outline(rng, x, y, rx * 0.5, ry * 0.5), 0)
        scene.add(plane, mask, "any", bump, uneven(rng) if rng.random() < 0.7 else None)


def _thin(scene: Scene, count: int, far: float, near: float) -> None:
    """Add bars and wires."""
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
            scene.add(slanted(rng, float(start[0]), float(start[1]), disparity, 0.02), mask, "any")


def build(scene: Scene) -> None:
    """Fill a scene: a far background, then everything before it."""
    rng, rig, near = scene.rng, scene.rig, scene.near
    far = near * float(np.exp(rng.uniform(math.log(0.08), math.log(0.7))))
    middle = rig.width / 2, rig.height / 2
    a, b = rng.uniform(-0.4, 0.4, 2) * far / (rig.width, rig.height)  # nowhere behind infinity
    bump = curved(rng, *middle, *middle, 0.3 * far) if rng.random() < 0.3 else None
    scene.add(Plane(a, b, far - a * middle[0] - b * middle[1]), None, "any", bump)
    _scatter(scene, scene.count(10, 45), far * 1.1, near)
    _thin(scene, scene.count(0, 8), far * 1.3, near)
