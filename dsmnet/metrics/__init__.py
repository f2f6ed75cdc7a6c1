"""Disparity -> EPE, bad-k, D1: as functions of tensors (`functional`) and as torchmetrics (`modular`)."""

from dsmnet.metrics.functional import bad_pixel, d1, epe
from dsmnet.metrics.modular import D1, EPE, BadPixel

__all__ = ["D1", "EPE", "BadPixel", "bad_pixel", "d1", "epe"]
