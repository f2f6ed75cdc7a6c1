"""Specular effects: mirror images, glints and overexposure, as on windscreens, bonnets and lamps.

A mirror image matches at another disparity than its surface; the ground truth stays the surface's own.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.synthetic.render import View
from dsmnet.synthetic.scene import FULL_SHADE
from dsmnet.types import Mask

_SHARES = 0.002, 0.25  # of the view: smaller surfaces hardly count, larger ones are ground, wall or sky
_NEAREST = 0.95  # of a surface's own disparity: mirror images lie behind their surface
_MOST = 6  # surfaces of a scene that mirror others


class Layer(NamedTuple):
    """A picture mirrored in a surface, and the plane in which it matches.

    Left-view pixel (x, y) shows `picture` at ``turn @ (x, y, 1)`` and matches at ``a x + b y + c`` pixels.
    """

    picture: NDArray[np.uint8]  # [H, W, 4]: R, G, B, shade
    turn: NDArray[np.float64]  # [2, 3]
    plane: tuple[float, float, float]

    def seen(self, view: View, box: tuple[slice, slice]) -> NDArray[np.uint8]:
        """Return the mirror image on a box of a view, [h, w, 4]."""
        rows, columns = box
        x = np.arange(columns.start, columns.stop, dtype=np.float64)[None]
        y = np.arange(rows.start, rows.stop, dtype=np.float64)[:, None]
        a, b, c = self.plane
        if view.right:
            x = (x + b * y + c) / (1 - a)  # from x_right = x - (a x + b y + c)
        u, v = ((row[0] * x + row[1] * y + row[2]).astype(np.float32) for row in self.turn)
        picture = cv2.remap(self.picture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(picture, np.uint8)


def add_reflections(
    rng: np.random.Generator, left: View, right: View, among: Collection[int] | None = None
) -> None:
    """Mix mirror images of the scene into a few surfaces; `among` names those that may be."""
    picture = _lit(left)
    most = _MOST if among is None else _MOST // 2
    for body in _choose(rng, left, int(rng.integers(1, most + 1)), among):
        inside = left.body == body
        own = float(left.disparity[inside].mean())
        layer = _draw_layer(rng, picture, own)
        share = float(rng.uniform(0.15, 0.95))
        spread = rng.uniform(0.2, 1.0, (3, 3)).astype(np.float32)  # it is stronger here than there
        where = cv2.boundingRect(inside.view(np.uint8))
        for view in (left, right):
            _mix(view, body, layer, share, spread, where, own)


def add_glare(rng: np.random.Generator, left: View, right: View) -> None:
    """Overexpose one or two surfaces: lamps, windows, white props in the sun."""
    for body in _choose(rng, left, int(rng.integers(1, 3))):
        gain = math.exp(rng.uniform(math.log(1.5), math.log(8)))
        light = rng.uniform(20, 120)
        for view in (left, right):
            inside = view.body == body
            view.color[inside] = np.minimum(view.color[inside] * gain + light, 255).astype(np.uint8)


def add_wet_ground(rng: np.random.Generator, left: View, right: View) -> None:
    """Let the ground mirror, in puddles or all over, what stands beyond it, at its own disparity.

    Each view is turned over at the same row, the highest of the ground, so the mirror image matches wherever
    its object does.
    """
    low = left.body[left.height // 2 :]
    body = int(np.bincount(low[low >= 0]).argmax()) if (low >= 0).any() else -1
    rows = np.flatnonzero((left.body == body).any(axis=1))
    depths = [np.median(left.disparity[row][left.body[row] == body]) for row in (rows[0], rows[-1])]
    if body < 0 or depths[1] < 1.3 * depths[0]:
        return  # a wall
    puddles = cv2.GaussianBlur(rng.normal(0, 1, (64, 64)).astype(np.float32), (0, 0), rng.uniform(1.5, 6))
    level = np.quantile(puddles, rng.uniform(0, 0.8))
    puddles = np.clip((puddles - level) / (0.3 * puddles.std()), 0, 1) * np.float32(rng.uniform(0.3, 0.9))
    row = np.arange(rows[0], left.height)
    beyond = np.minimum(np.abs(2 * rows[0] - row - 1), left.height - 1)
    for view in (left, right):
        lit, target = _lit(view), view.color[row]
        x = np.arange(view.width, dtype=np.float32) + (view.disparity[row] if view.right else np.float32(0))
        u = np.broadcast_to(x * np.float32(40 / view.width), target.shape[:2])
        v = np.broadcast_to(np.linspace(0, 63, len(row), dtype=np.float32)[:, None], target.shape[:2])
        strength = cv2.remap(puddles, u.copy(), v.copy(), cv2.INTER_LINEAR)
        strength *= view.body[row] == body
        target[:] = target + (lit[beyond] - target.astype(np.float32)) * strength[..., None] + np.float32(0.5)
        view.color[row] = target


def _choose(
    rng: np.random.Generator, view: View, number: int, among: Collection[int] | None = None
) -> list[int]:
    """Return bodies that are neither tiny nor the whole background, each once."""
    bodies, pixels = np.unique(view.body, return_counts=True)
    shares = pixels / view.body.size
    fit = bodies[(shares > _SHARES[0]) & (shares < _SHARES[1]) & (bodies >= 0)]
    if among is not None:
        fit = fit[np.isin(fit, list(among))]
    return [int(body) for body in rng.permutation(fit)[:number]]


def _lit(view: View) -> NDArray[np.uint8]:
    """Return the view with its shade multiplied in, the light that arrives at a mirror."""
    shade = view.color[..., 3:].astype(np.float32) / FULL_SHADE
    lit = np.full(view.color.shape, FULL_SHADE, np.uint8)
    lit[..., :3] = np.minimum(view.color[..., :3] * shade, 255)
    return lit


def _draw_layer(rng: np.random.Generator, picture: NDArray[np.uint8], own: float) -> Layer:
    """Draw a mirror image: a turned and bent part of the scene, farther than the surface."""
    height, width = picture.shape[:2]
    gain = math.exp(rng.normal(0.1, 0.4))
    bright = np.minimum(picture * np.float32(gain), 255).astype(np.uint8)
    bright[..., 3] = FULL_SHADE
    if rng.random() < 0.5:
        bright = np.asarray(cv2.GaussianBlur(bright, (0, 0), float(rng.uniform(0.5, 3))), np.uint8)
    angle, scale = rng.normal(0, 0.3), math.exp(rng.uniform(-1.0, 1.2))
    flip = rng.choice([-1.0, 1.0])
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    turn = np.array(
        [[flip * cos, -sin, rng.uniform(0, width)], [flip * sin, cos, rng.uniform(0, height)]], np.float64
    )
    a, b = rng.normal(0, 0.03, 2)  # a curved bonnet squeezes what it shows
    at = own * float(rng.uniform(0.0, _NEAREST))
    x, y = width / 2, height / 2
    return Layer(bright, turn, (a, b, at - a * x - b * y))


def _mix(
    view: View,
    body: int,
    layer: Layer,
    share: float,
    spread: NDArray[np.float32],
    where: Sequence[int],
    own: float,
) -> None:
    """Mix a mirror image into a body with the box `where` in the left view, as strongly as `spread` says."""
    x, y, width, height = where
    inside: Mask = view.body == body
    x0, y0, w, h = cv2.boundingRect(inside.view(np.uint8))
    if not w:
        return
    box = slice(y0, y0 + h), slice(x0, x0 + w)
    # The strength is painted on the surface: the right view sees it shifted by the surface's disparity.
    shift = own if view.right else 0.0
    us = (np.arange(x0, x0 + w, dtype=np.float32) + np.float32(shift - x)) * np.float32(2 / max(width - 1, 1))
    vs = (np.arange(y0, y0 + h, dtype=np.float32) - np.float32(y)) * np.float32(2 / max(height - 1, 1))
    u, v = np.meshgrid(us, vs)
    strength = cv2.remap(spread, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) * share
    strength *= inside[box]
    target = view.color[box]
    mirrored = layer.seen(view, box).astype(np.float32)
    target[:] = (target + (mirrored - target) * strength[..., None] + np.float32(0.5)).astype(np.uint8)


def add_glint(rng: np.random.Generator, left: View, right: View) -> None:
    """Brighten a round spot of one surface in both views, at the disparity of its mirror image."""
    x, y = float(rng.uniform(0, left.width)), float(rng.uniform(0, left.height))
    body = int(left.body[int(y), int(x)])
    disparity = float(left.disparity[int(y), int(x)]) * math.exp(rng.normal(0, 0.5))
    radius = math.exp(rng.uniform(math.log(2), math.log(0.12 * left.width)))
    strength = rng.uniform(60, 255)
    extent = math.ceil(2.5 * radius)
    y0, y1 = max(int(y) - extent, 0), min(int(y) + extent + 1, left.height)
    down = np.exp(-(((np.arange(y0, y1) - y) / radius) ** 2)) * strength
    for view, centre in ((left, x), (right, x - disparity)):
        x0, x1 = max(int(centre) - extent, 0), min(int(centre) + extent + 1, view.width)
        if x0 < x1:
            across = np.exp(-(((np.arange(x0, x1) - centre) / radius) ** 2))
            light = np.outer(down, across) * (view.body[y0:y1, x0:x1] == body)
            target = view.color[y0:y1, x0:x1, :3]
            target[:] = np.minimum(target + light[..., None], 255).astype(np.uint8)
