"""Error of a disparity map: per pixel, which pixels count, and its averages EPE, bad-k and D1.

The metrics that collect over batches and processes are in `dsmnet.metrics.modular`, which needs torchmetrics.
"""

from dsmnet.metrics.error_sums import THRESHOLDS, ErrorSums
from dsmnet.metrics.pixel_error import bad_pixel, d1, epe, error_map, pixel_mask

__all__ = ["THRESHOLDS", "ErrorSums", "bad_pixel", "d1", "epe", "error_map", "pixel_mask"]
