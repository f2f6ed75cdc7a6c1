"""The colors of a surface at any place on it: the same from whichever view it is looked at."""

from __future__ import annotations

import cv2
import numpy as np

from dsmnet.synthetic.geometry import Floats
from dsmnet.synthetic.rig import Plane
from dsmnet.synthetic.surface import Material, Surface
from dsmnet.synthetic.texture import FLATTENED, SOFTNESS, Bytes

_NEAR_ZERO = 0.01  # pixels; guards divisions where a plane passes its horizon, which is never drawn


def paint(surface: Surface, x: Floats, ys: Floats, shade: Bytes | None) -> Bytes:
    """Return colors and shade [H, W, 4] at left-view positions `x` [H, W] or [1, W] of rows `ys`."""
    material = surface.material
    assert material is not None
    u, v, lod = texel_coordinates(surface.geometry.plane, material, x, ys)
    sampled = material.texture.sample(u, v, lod)
    if material.table is None:
        sampled[..., 3] = surface.shade if shade is None else shade
        return sampled
    table = material.table
    if shade is None:
        table = table.copy()
        table.view(np.uint8)[3::4] = surface.shade
    packed = np.asarray(cv2.LUT(sampled, table.view(np.int32)))  # whole pixels as numbers: a plain copy
    colored = packed.view(np.uint8).reshape(*sampled.shape, 4)
    if shade is not None:
        cv2.insertChannel(shade, colored, 3)
    return colored


def texel_coordinates(
    plane: Plane, material: Material, x: Floats, ys: Floats
) -> tuple[Floats, Floats, Floats | float]:
    """Return texel coordinates [H, W] and level of detail, functions of the left-view position alone.

    The level is that of `level_of_detail`, per pixel where the material leaves it open.
    """
    grain = material.grain
    if plane.a == plane.b == 0:
        inverse: Floats | np.float32 = np.float32(1 / (plane.c * grain))
    else:
        inverse = _linear((plane.a * grain, plane.b * grain, plane.c * grain), x, ys)
        np.maximum(inverse, np.float32(_NEAR_ZERO * grain), out=inverse)
        np.reciprocal(inverse, out=inverse)
    first, second = material.axes
    u, v = _linear(first, x, ys), _linear(second, x, ys)
    u *= inverse
    v *= inverse
    if material.lod is None:
        squared, across = _span(material, 0, plane.a, u, v), _span(material, 1, plane.b, u, v)
        across *= np.float32(FLATTENED**-2)
        np.maximum(squared, across, out=squared)
        squared *= inverse * inverse
        squared += np.float32(1e-6)
        lod: Floats | float = np.log2(squared, out=squared)
        lod *= np.float32(0.5)
        lod += np.float32(SOFTNESS)
    else:
        lod = material.lod
    u += np.float32(material.offset[0])
    v += np.float32(material.offset[1])
    return u, v, lod


def _linear(row: tuple[float, float, float], x: Floats, ys: Floats) -> Floats:
    """Return ``row @ (x, y, 1)`` [H, W] for positions `x` [H, W] or [1, W] of rows `ys` [H]."""
    return x * np.float32(row[0]) + (ys * np.float32(row[1]) + np.float32(row[2]))[:, None]


def _span(material: Material, k: int, slope: float, u: Floats, v: Floats) -> Floats:
    """Return the squared slope of texel coordinates along axis `k`, times ``(disparity * grain) ** 2``."""
    per_texel = np.float32(slope * material.grain)
    du, dv = u * per_texel, v * per_texel
    np.subtract(np.float32(material.axes[0][k]), du, out=du)
    np.subtract(np.float32(material.axes[1][k]), dv, out=dv)
    du *= du
    dv *= dv
    du += dv
    return du
