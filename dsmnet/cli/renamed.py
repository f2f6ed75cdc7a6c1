"""Options that have a new name, for whoever uses the old one."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

# Old name -> new name; TOOL:OPTION holds for one tool alone, a name ending with .* for all options below it.
RENAMED: Mapping[str, str] = {
    "search_range": "max_disparity",
    "benchmark:rivals.*": "baselines.*",
    "colour_map": "color_map",
    "colour_video": "color_video",
    "truth": "ground_truth",
    "truth_scale": "ground_truth_scale",
    "evaluate:causes": "error_breakdown",
    "submit:benchmark": "upload",
    "dataset.max_disparity": "dataset.largest_disparity",
    "dataset.require_truth": "dataset.require_ground_truth",
    "protocol.max_disparity": "protocol.ground_truth_below",
    "protocol.min_disparity": "protocol.ground_truth_from",
    "protocol.include_max": "protocol.below_inclusive",
    "protocol.include_min": "protocol.from_inclusive",
    "train:panels": "evaluation.panels",
    "trainer.ema_decay": "callbacks.ema.decay",
    "trainer.keep_every": "callbacks.keep.every",
}


def new_name(tool: str, option: str) -> str | None:
    """Return the name that an option of a tool has now; None where it never had another."""
    for old, new in RENAMED.items():
        only, _, name = old.rpartition(":")
        if only in ("", tool) and fnmatchcase(option, name):
            return new.removesuffix("*") + option[len(name) - 1 :] if name.endswith("*") else new
    return None
