"""Sample -> sample: what training changes in a pair. Every transform keeps the disparity exact.

A transform is a callable ``(sample, rng) -> sample``; all randomness comes from ``rng``, so that a pair looks
the same whatever the number of workers and whether training was interrupted. All maps of a sample travel with
its views; what no longer holds is left out (the calibration of a stretched view, `foreground` of exchanged
views). A sample that comes in is never written to.
"""

from __future__ import annotations

from dsmnet.data.transforms.collate import collate
from dsmnet.data.transforms.colour import ColourJitter, ColourTwist
from dsmnet.data.transforms.compose import Compose, Transform
from dsmnet.data.transforms.crop import RandomCrop
from dsmnet.data.transforms.effects import CameraEffects
from dsmnet.data.transforms.erase import RandomErase
from dsmnet.data.transforms.light import LocalLight
from dsmnet.data.transforms.scale import RandomScaleCrop
from dsmnet.data.transforms.shift import RandomShift
from dsmnet.data.transforms.swap import SwapViews, visible_in_both
from dsmnet.data.transforms.vertical import VerticalJitter

__all__ = [
    "CameraEffects",
    "ColourJitter",
    "ColourTwist",
    "Compose",
    "LocalLight",
    "RandomCrop",
    "RandomErase",
    "RandomScaleCrop",
    "RandomShift",
    "SwapViews",
    "Transform",
    "VerticalJitter",
    "collate",
    "visible_in_both",
]
