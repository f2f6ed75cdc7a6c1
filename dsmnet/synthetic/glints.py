"""Reflections of a lamp: bright spots that lie on a surface but match at another disparity."""

from __future__ import annotations

import math

import numpy as np

from dsmnet.synthetic.render import View


def add_glint(rng: np.random.Generator, left: View, right: View) -> None:
    """Brighten a round spot of one surface in both views, at the disparity of its mirror image."""
    x, y = float(rng.uniform(0, left.width)), float(rng.uniform(0, left.height))
    body = int(left.body[int(y), int(x)])
    disparity = float(left.disparity[int(y), int(x)]) * math.exp(rng.normal(0, 0.5))
    radius = math.exp(rng.uniform(math.log(2), math.log(0.12 * left.width)))
    strength = rng.uniform(60, 255)
    for view, centre in ((left, x), (right, x - disparity)):
        _brighten(view, centre, y, radius, strength, body)


def _brighten(view: View, x: float, y: float, radius: float, strength: float, body: int) -> None:
    reach = math.ceil(2.5 * radius)
    x0, x1 = max(int(x) - reach, 0), min(int(x) + reach + 1, view.width)
    y0, y1 = max(int(y) - reach, 0), min(int(y) + reach + 1, view.height)
    if x0 >= x1 or y0 >= y1:
        return
    across = np.exp(-(((np.arange(x0, x1) - x) / radius) ** 2))
    down = np.exp(-(((np.arange(y0, y1) - y) / radius) ** 2)) * strength
    light = np.outer(down, across) * (view.body[y0:y1, x0:x1] == body)
    target = view.color[y0:y1, x0:x1, :3]
    target[:] = np.minimum(target + light[..., None], 255).astype(np.uint8)
