"""Stereo matching that survives a change of domain.

One stereo pair, followed through the tree:

    datasets/            files                -> sample                   uint8 [H, W, 3], disparity [H, W]
    augment/             sample               -> sample, in training
    data/                samples              -> batch                    [B, 3, H, W], disparity [B, 1, H, W]
    stages/features/     image                -> features                 [B, C, H/s, W/s]
    stages/volumes.py    two feature maps     -> cost volume              [B, G, D, H/s, W/s]
    stages/aggregation/  cost volume          -> logits, guided by left   [B, 1, D, H/s, W/s]
    stages/regression.py logits               -> disparity                [B, 1, H/s, W/s]
    stages/refinement.py disparity            -> disparity                [B, 1, H, W], pixels
    stages/iterative/    two feature maps     -> disparity, step by step  [B, 1, H/s, W/s]
    metrics/             disparity            -> EPE, bad-k, D1
    viz/                 disparity            -> color map, error map, point cloud
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"
__all__ = ["StereoMatcher", "build_model", "load_model"]

if TYPE_CHECKING:
    from dsmnet.api import build_model, load_model
    from dsmnet.stereo_matcher import StereoMatcher


def __getattr__(name: str) -> Any:
    """Import the front door when it is used: `import dsmnet.io` alone needs no Hydra."""
    if name in __all__:
        from importlib import import_module

        return getattr(
            import_module(f"dsmnet.{'stereo_matcher' if name == 'StereoMatcher' else 'api'}"), name
        )
    raise AttributeError(f"module 'dsmnet' has no attribute {name!r}")
