"""Sample -> sample: what training changes in a pair. Every transform keeps the disparity exact.

A transform is a callable ``(sample, rng) -> sample``; all randomness comes from ``rng``, so that a pair looks
the same whatever the number of workers and whether training was interrupted. All maps of a sample travel with
its views; what no longer holds is left out (the calibration of a stretched view, `foreground` of exchanged
views). A sample that comes in is never written to.
"""

from __future__ import annotations

from dsmnet.augment.camera import CameraEffects
from dsmnet.augment.color_jitter import ColorJitter, LocalLight, RandomGainGamma
from dsmnet.augment.compose import Compose, Transform
from dsmnet.augment.fields import KeepClean
from dsmnet.augment.flip import RandomHorizontalFlip, visible_in_both
from dsmnet.augment.random_crop import RandomCrop
from dsmnet.augment.random_occlusion import RandomOcclusion
from dsmnet.augment.random_scale import RandomScaleCrop
from dsmnet.augment.random_shift import RandomShift, VerticalMisalignment

__all__ = [
    "CameraEffects",
    "ColorJitter",
    "Compose",
    "KeepClean",
    "LocalLight",
    "RandomCrop",
    "RandomGainGamma",
    "RandomHorizontalFlip",
    "RandomOcclusion",
    "RandomScaleCrop",
    "RandomShift",
    "Transform",
    "VerticalMisalignment",
    "visible_in_both",
]
