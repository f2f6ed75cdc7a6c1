"""Argoverse stereo v1.1: street scenes with disparity from accumulated laser scans."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Files, Layout, Matches, Pair, Tree, Word
from dsmnet.io.argoverse_calibration import ARGOVERSE_CALIB
from dsmnet.io.disparity import PNG16
from dsmnet.io.masks import OBJECT_MAP
from dsmnet.options import check_choice

# Nanoseconds. Views of one moment are less than 0.3 ms apart, moments 200 ms.
_TOLERANCE = 50_000_000


@dataclass(frozen=True)
class TimedLayout(Layout):
    """A layout whose views carry each its own ``{time}``, nanoseconds: the nearest of a log are a pair."""

    def find_views(self, matches: Matches) -> tuple[Files, Files]:
        """Return the views by the words of the left one; a right view without one keeps its own words."""
        left_files, right_files = super().find_views(matches)
        times: dict[str, dict[int, frozenset[Word]]] = defaultdict(dict)
        for key in left_files:
            words = dict(key)
            times[words["log"]][_time(words)] = key
        return left_files, {_nearest(key, times[dict(key)["log"]]): path for key, path in right_files.items()}


class Argoverse(StereoDataset):
    """Argoverse stereo v1.1, 4,008 training, 1,522 validation, 1,094 test pairs (Chang et al., CVPR 2019).

    The views have 2464x2056 pixels. The two of a pair are taken some microseconds apart, and each carries its
    own time; the ground truth carries that of the left one. The pixels of tracked objects are the foreground.
    """

    name = "argoverse"
    about = About(
        "https://www.argoverse.org/av1.html",
        "CC BY-NC-SA 4.0",
        "Chang et al., CVPR 2019",
        pairs={"train": 4008, "val": 1522, "test": 1094},
        size="2464x2056",
        download="rectified stereo images and disparity maps, v1.1. The archives of views and of "
        "disparity maps go into the one folder.",
    )
    splits = ("train", "val")

    @staticmethod
    def tree(split: str = "train") -> Tree:
        """Return patterns and codecs."""
        check_choice("split", split, ("train", "val", "test"))
        views = f"rectified_stereo_images_v1.1/{split}/{{log}}"
        maps = f"disparity_maps_v1.1/{split}/{{log}}"
        layout = TimedLayout(
            name="{log}_{time}",
            left=f"{views}/stereo_front_left_rect/stereo_front_left_rect_{{time}}.jpg",
            right=f"{views}/stereo_front_right_rect/stereo_front_right_rect_{{time}}.jpg",
            disparity=(f"{maps}/stereo_front_left_rect_disparity/disparity_{{time}}.png",),
            calibration=f"{views}/vehicle_calibration_stereo_info.json",
            foreground=f"{maps}/stereo_front_left_rect_objects_disparity/disparity_{{time}}.png",
        )
        return Tree((layout,), PNG16, calibration=ARGOVERSE_CALIB, foreground=OBJECT_MAP)

    def _scene(self, pair: Pair) -> str:
        return pair.left.parent.parent.name  # the log


def _time(words: dict[str, str]) -> int:
    return int(words["time"]) if words["time"].isdigit() else -1


def _nearest(right: frozenset[Word], left_files: dict[int, frozenset[Word]]) -> frozenset[Word]:
    """Return the words of the left view of the same moment; those of the right one where there is none."""
    moment = _time(dict(right))
    # The times of a log are few, 150 at most, so a plain search is quick enough.
    nearest = min(left_files, key=lambda time: abs(time - moment), default=None)
    return left_files[nearest] if nearest is not None and abs(nearest - moment) <= _TOLERANCE else right
