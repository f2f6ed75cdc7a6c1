"""A scene while it is put together: the camera, the light, the colors, and the surfaces so far."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from dsmnet.synthetic.alpha_masks import AlphaMask, Bounds, Canvas, Points, Shading
from dsmnet.synthetic.geometry import Bump, Geometry, Plane, Rig, Vector, dot, unit
from dsmnet.synthetic.materials import FAMILIES, AnyMaterial, Material, Palette, TextureBank, draw_material
from dsmnet.synthetic.texture import Texture

FULL_SHADE = 128  # value of the shade channel that leaves a color as it is
BACKDROP = -1  # the body behind all others
_STEEPEST = 0.6  # disparity may change by this much per column; 1 is a plane through the right camera
_STEEPEST_CURVED = 0.25  # likewise, for the plane below a curved surface
_STEEPEST_ROW = 1.5  # likewise, per row: beyond, a surface is seen edge-on
_SMALL = 40  # pixels; a surface below this is sampled from one mipmap level
_ONE_LEVEL = 0.7  # a surface whose level of detail varies less is sampled from one level
_HORIZON = 1e-3  # pixels of disparity: behind all else, and still in front of the cameras
_INSTEAD: dict[str, dict[str, tuple[str, ...]]] = {  # hard case -> family -> one of these takes its place
    "plain_walls": {
        "wall": ("plain", "plain", "plain", "uniform", "white"),
        "flat": ("plain", "uniform", "white"),
        "sky": ("white", "white", "sky"),
    },
    "tiles": {
        "wall": ("paving",),
        "ground": ("paving",),
        "asphalt": ("paving", "asphalt"),
        "facade": ("paving",),
    },
}


class Surface(NamedTuple):
    """A piece of the world. Surfaces of one `body` lie on the same geometry and never hide each other."""

    geometry: Geometry
    texture: Texture | None  # None: a shadow, which only darkens the surface below it
    mask: AlphaMask | None = None  # None: the surface is everywhere
    body: int = 0
    shade: int = FULL_SHADE  # where the mask has none
    on_body: bool = False  # a decal or shadow, seen only where its body already is
    opacity: float = 1.0  # below 1, what is behind shows through; the ground truth is the surface's own

    def scaled(self, factor: float) -> Surface:
        """Return the surface as a camera with a baseline longer by `factor` sees it."""
        texture = self.texture and self.texture._replace(grain=self.texture.grain / factor)
        return self._replace(geometry=self.geometry.scaled(factor), texture=texture)

    def highest(self, width: int, height: int, limit: float) -> float:
        """Return the largest disparity that either view may show; a bound below `limit` is not refined."""
        a, b, c = self.geometry.plane
        bump = self.geometry.bump.height() if self.geometry.bump else 0.0
        if self.mask is None:
            corners = [(x, y) for x in (0, width - 1) for y in (0, height - 1)]
            return max((b * y + c + a * x) / scale for x, y in corners for scale in (1, 1 - a)) + bump
        left, top, right, bottom = self.mask.box()
        bound = max(a * left, a * right) + max(b * top, b * bottom) + c + bump
        if bound < limit:
            return bound
        coverage, scale = self.mask.coverage, self.mask.scale
        x = self.mask.x0 + np.arange(coverage.shape[1]) / scale
        y = self.mask.y0 + np.arange(coverage.shape[0]) / scale
        disparity = a * x + (b * y + c)[:, None]
        seen = (coverage > 60) & (x > -1) & (x - disparity < width) & ((y > -1) & (y < height))[:, None]
        return float(np.max(disparity, where=seen, initial=0.0)) + bump

    def left_box(self, width: int, height: int) -> Bounds:
        """Return the bounds, in left-view pixels, within either view; the right one sees further right."""
        box = self.mask.box() if self.mask else (-math.inf, -math.inf, math.inf, math.inf)
        return max(box[0], 0.0), max(box[1], 0.0), min(box[2], 1.5 * width), min(box[3], height - 1.0)

    def view_box(self, right: bool, width: int, height: int) -> tuple[int, int, int, int]:
        """Return the columns x0:x1 and rows y0:y1 of one view that the surface may touch."""
        if self.mask is None:
            return 0, width, 0, height
        x0, y0, x1, y1 = self.mask.box()
        if right:
            a, b, c = self.geometry.plane
            top, bottom = b * max(y0, 0.0) + c, b * min(y1, height - 1.0) + c
            bump = self.geometry.bump.height() if self.geometry.bump else 0.0
            x0, x1 = x0 - a * x0 - max(top, bottom) - bump, x1 - a * x1 - min(top, bottom) + bump
        columns = max(math.floor(x0), 0), min(math.ceil(x1) + 1, width)
        return *columns, max(math.floor(y0), 0), min(math.ceil(y1) + 1, height)


class Scene:
    """Surfaces are drawn in the order in which they are added; the nearer one wins whatever the order."""

    def __init__(
        self,
        rng: np.random.Generator,
        rig: Rig,
        bank: TextureBank,
        near: float,
        density: float = 1.0,
        hard: frozenset[str] = frozenset(),
    ) -> None:
        self.rng = rng
        self.rig = rig
        self.near = near  # pixels: the disparity that the nearest props should have
        self.density = density
        self.bank = bank
        self.hard = hard  # names of the hard cases that it has
        self.glossy: list[int] = []  # bodies that mirror the surroundings
        self.palette = Palette(rng, vivid="vivid" in hard)
        self.canvas = Canvas(rig.width, rig.height)
        self.surfaces: list[Surface] = []
        # The direction towards the light: above, and on the camera's side.
        self.light: Vector = unit((rng.normal(0, 0.8), -rng.uniform(0.4, 1.5), -rng.uniform(0.1, 1.2)))
        self.ambient = float(rng.uniform(0.35, 0.85))
        self.bodies = 0

    def count(self, low: int, high: int) -> int:
        """Draw a number of props of a kind, both bounds included, for an average density."""
        return round(self.density * int(self.rng.integers(low, high + 1)))

    def in_front(self, x: float, y: float, low: float, high: float) -> float:
        """Draw a disparity before wall and floor at a pixel, log-uniform between shares of the nearest."""
        behind = max((s.geometry.plane.at(x, y) for s in self.surfaces if s.mask is None), default=0.0)
        least, most = max(low * self.near, 1.03 * behind), high * self.near
        return math.exp(self.rng.uniform(math.log(min(least, 0.95 * most)), math.log(most)))

    def material(self, material: AnyMaterial) -> Material:
        """Draw a material of a family, to be used for several surfaces."""
        if isinstance(material, Material):
            return material
        if self.hard and isinstance(material, str):
            material = self._instead(material)
        family = FAMILIES[material] if isinstance(material, str) else material
        return draw_material(self.rng, self.bank, self.palette, family)

    def _instead(self, family: str) -> str:
        """Return the family that a hard case puts in place of another one."""
        for case, families in _INSTEAD.items():
            if case in self.hard and family in families:
                choices = families[family]
                return choices[int(self.rng.integers(0, len(choices)))]
        return family

    def add(
        self,
        plane: Plane,
        mask: AlphaMask | None,
        material: AnyMaterial,
        bump: Bump | None = None,
        shading: Shading | None = None,
    ) -> Surface | None:
        """Put a surface into the scene; one seen too steeply to be matched is left out."""
        if abs(plane.a) > _STEEPEST or abs(plane.b) > _STEEPEST_ROW:
            return None
        if abs(plane.a) > _STEEPEST_CURVED:
            bump = None
        # The shade of a matt plane under the scene's light.
        facing = max(dot(self.rig.normal(plane), self.light), 0.0)
        shade = round(FULL_SHADE * min(self.ambient + (1.15 - self.ambient) * facing, 1.6))
        if shading is not None and mask is not None:
            mask.shade_by(shading, shade)
        surface = Surface(Geometry(plane, bump), None, mask, self.bodies, shade)
        self.bodies += 1
        return self._cover(surface, material)

    def decal(self, host: Surface, points: Points, material: AnyMaterial) -> None:
        """Paint a polygon on a surface, wherever nothing added before hides that."""
        mask = self.canvas.draw(points)
        if mask is not None:
            self._cover(host._replace(mask=mask, on_body=True), material)

    def pane(self, host: Surface, points: Points, material: AnyMaterial, opacity: float) -> None:
        """Put glass into a hole, a little larger than it: neither leaves out a pixel of the rim."""
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        mask = self.canvas.draw(middle + (points - middle) * (1 + 2 / np.maximum(np.ptp(points, axis=0), 1)))
        if mask is not None:
            self._cover(host._replace(mask=mask, opacity=opacity), material)

    def shadow(self, host: Surface, points: Points, strength: float, softness: float) -> None:
        """Darken a polygon on a surface, wherever nothing added before hides that."""
        box = self.canvas.clip(points)
        if box is None:
            return
        mask = AlphaMask(box, margin=2.5 * softness, scale=min(1.0, 2 / softness))
        mask.fill(points)
        mask.soften(softness)
        shade = round(FULL_SHADE * (1 - strength))
        self.surfaces.append(host._replace(texture=None, mask=mask, shade=shade, on_body=True))

    def _cover(self, surface: Surface, material: AnyMaterial) -> Surface | None:
        x0, y0, x1, y1 = surface.left_box(self.rig.width, self.rig.height)
        if x1 < x0 or y1 < y0:
            return None
        plane = surface.geometry.plane
        corners = [(x, y) for x in (x0, x1) for y in (y0, y1)]
        at = (x0 + x1) / 2, (y0 + y1) / 2
        near = max(corners, key=lambda corner: plane.at(*corner))
        if plane.at(*at) < 0.25 * plane.at(*near):  # most of the box is near or beyond the plane's horizon
            at = (at[0] + near[0]) / 2, (at[1] + near[1]) / 2
        texture = self.material(material).lay(self.rng, self.rig, plane, at)
        small = max(x1 - x0, y1 - y0) < _SMALL
        lods = [max(texture.level_at(plane, *p), 0.0) for p in ([at] if small else corners)]
        if max(lods) - min(lods) < _ONE_LEVEL:
            texture = texture._replace(lod=(min(lods) + max(lods)) / 2)
        surface = surface._replace(texture=texture)
        self.surfaces.append(surface)
        return surface


def sky_backdrop(rng: np.random.Generator, rig: Rig, bank: TextureBank) -> Surface:
    """Return the surface that covers both views past a scene: its walls, too, end at their horizons."""
    surface = Scene(rng, rig, bank, near=1.0).add(Plane(0, 0, _HORIZON), None, "sky")
    assert surface is not None  # it is seen from the front
    return surface._replace(body=BACKDROP)
