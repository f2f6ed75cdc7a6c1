"""A scene while it is put together: the camera, the light, the colors, and the surfaces so far."""

from __future__ import annotations

import numpy as np

from dsmnet.synthetic.alpha_masks import Canvas, Points, Sheet
from dsmnet.synthetic.geometry import Bump, Geometry
from dsmnet.synthetic.materials import LOOKS, Bank, Coat, Look, Palette, lay, level_of_detail, make_coat
from dsmnet.synthetic.rig import Plane, Rig, Vector, dot, unit
from dsmnet.synthetic.shading import Shading, shaded
from dsmnet.synthetic.surface import BACKDROP, FULL_SHADE, Stencil, Surface

_STEEPEST = 0.6  # disparity may change by this much per column; 1 is a plane through the right camera
_STEEPEST_CURVED = 0.25  # and that of the plane below a curved one
_STEEPEST_ROW = 1.5  # and by this much per row: beyond, a surface is seen edge-on
_SMALL = 40  # pixels; a surface below this is sampled from one pyramid level
_ONE_LEVEL = 0.7  # a surface whose level of detail varies less is sampled from one level
_HORIZON = 1e-3  # pixels of disparity: behind all else, and still in front of the cameras


class Scene:
    """Surfaces are drawn in the order in which they are added; what is nearer wins whatever the order."""

    def __init__(
        self, rng: np.random.Generator, rig: Rig, bank: Bank, near: float, density: float = 1.0
    ) -> None:
        self.rng = rng
        self.rig = rig
        self.near = near  # pixels: the disparity that the nearest things should have
        self.density = density
        self.bank = bank
        self.palette = Palette(rng)
        self.canvas = Canvas(rig.width, rig.height)
        self.surfaces: list[Surface] = []
        # The direction towards the light: above, and on the camera's side.
        self.light: Vector = unit((rng.normal(0, 0.8), -rng.uniform(0.4, 1.5), -rng.uniform(0.1, 1.2)))
        self.ambient = float(rng.uniform(0.35, 0.85))
        self._bodies = 0

    def count(self, low: int, high: int) -> int:
        """Draw how many things of a kind there are, both bounds included, for an average density."""
        return round(self.density * int(self.rng.integers(low, high + 1)))

    def coat(self, look: str | Look | Coat) -> Coat:
        """Draw a material of a look, to be used for several surfaces."""
        if isinstance(look, Coat):
            return look
        return make_coat(self.rng, self.bank, self.palette, LOOKS[look] if isinstance(look, str) else look)

    def lit(self, plane: Plane) -> int:
        """Return the shade of a matt plane under the scene's light."""
        facing = max(dot(self.rig.normal(plane), self.light), 0.0)
        return round(FULL_SHADE * min(self.ambient + (1.15 - self.ambient) * facing, 1.6))

    def fill(self, points: Points) -> Stencil | None:
        """Return the stencil of a polygon in left-view pixels, or None where no view shows it."""
        box = self.canvas.clip(points)
        if box is None:
            return None
        sheet = Sheet(box)
        sheet.fill(points)
        return sheet.stencil()

    def add(
        self,
        plane: Plane,
        stencil: Stencil | None,
        look: str | Look | Coat,
        bump: Bump | None = None,
        shading: Shading | None = None,
    ) -> Surface | None:
        """Put a surface into the scene; one seen too steeply to be matched is left out."""
        if abs(plane.a) > _STEEPEST or abs(plane.b) > _STEEPEST_ROW:
            return None
        if abs(plane.a) > _STEEPEST_CURVED:
            bump = None
        surface = Surface(Geometry(plane, bump), None, stencil, self._bodies, self.lit(plane))
        self._bodies += 1
        if shading is not None and stencil is not None:
            surface = surface._replace(stencil=shaded(stencil, surface.shade, shading))
        return self._cover(surface, look)

    def decal(self, host: Surface, points: Points, look: str | Look | Coat) -> Surface | None:
        """Paint a polygon on a surface, wherever nothing added before hides that."""
        stencil = self.fill(points)
        return stencil and self._cover(host._replace(stencil=stencil, on_body=True), look)

    def shadow(self, host: Surface, points: Points, strength: float, softness: float = 2.0) -> None:
        """Darken a polygon on a surface, wherever nothing added before hides that."""
        box = self.canvas.clip(points)
        if box is None:
            return
        sheet = Sheet(box, margin=2.5 * softness, scale=min(1.0, 2 / softness))
        sheet.fill(points)
        sheet.soften(softness)
        shade = round(FULL_SHADE * (1 - strength))
        self.surfaces.append(host._replace(material=None, stencil=sheet.stencil(), shade=shade, on_body=True))

    def _cover(self, surface: Surface, look: str | Look | Coat) -> Surface | None:
        x0, y0, x1, y1 = surface.left_box(self.rig.width, self.rig.height)
        if x1 < x0 or y1 < y0:
            return None
        plane = surface.geometry.plane
        corners = [(x, y) for x in (x0, x1) for y in (y0, y1)]
        at = (x0 + x1) / 2, (y0 + y1) / 2
        near = max(corners, key=lambda corner: plane.at(*corner))
        if plane.at(*at) < 0.25 * plane.at(*near):  # most of the box is near or beyond the plane's horizon
            at = (at[0] + near[0]) / 2, (at[1] + near[1]) / 2
        material = lay(self.rng, self.rig, self.coat(look), plane, at)
        small = max(x1 - x0, y1 - y0) < _SMALL
        lods = [max(level_of_detail(material, plane, *p), 0.0) for p in ([at] if small else corners)]
        if max(lods) - min(lods) < _ONE_LEVEL:
            material = material._replace(lod=(min(lods) + max(lods)) / 2)
        surface = surface._replace(material=material)
        self.surfaces.append(surface)
        return surface


def backdrop(rng: np.random.Generator, rig: Rig, bank: Bank) -> Surface:
    """Return what both views show wherever they look past a scene: its walls, too, end at their horizons."""
    surface = Scene(rng, rig, bank, near=1.0).add(Plane(0, 0, _HORIZON), None, "sky")
    assert surface is not None  # it is seen from the front
    return surface._replace(body=BACKDROP)
