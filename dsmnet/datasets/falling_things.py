"""Falling Things: household objects that fall in rendered rooms, with dense depth of both views."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Pair, Tree
from dsmnet.io.decoding import MOST_TEXT, decoding
from dsmnet.io.depth import depth_codec, depth_png16
from dsmnet.io.images import read_bytes
from dsmnet.io.stated_cameras import checked
from dsmnet.options import check_choice
from dsmnet.types import Calibration, StereoSample

_BASELINE = 0.06  # metres; the settings do not state it, the readme does
_RIG = Calibration(focal=768.16058349609375, baseline=_BASELINE, cx=480.0, cy=270.0)  # of the whole set
_VARIANTS = {"single": ("single",), "mixed": ("mixed",), "both": ("single", "mixed")}
_FOLDERS = {"single": "{object}/{place}", "mixed": "{place}"}
_SETTINGS = "_camera_settings.json"


class FallingThings(StereoDataset):
    """Falling Things (FAT), 61,500 pairs (Tremblay, To, Birchfield, CVPR Workshops 2018).

    What is 6.5535 m away or more counts as unknown.
    """

    name = "falling_things"
    about = About(
        "https://research.nvidia.com/publication/2018-06_falling-things-synthetic-dataset-3d-object-detection-and-pose-estimation",
        "CC BY-NC-SA 4.0",
        "Tremblay, To, Birchfield, CVPR Workshops 2018",
        pairs={"single": 31_500, "mixed": 30_000, "both": 61_500},
        size="960x540",
        download="the archive of the data set. The archive begins with `fat/`.",
    )

    @staticmethod
    def tree(variant: str = "both") -> Tree:
        """Return patterns and codecs."""
        chosen = _VARIANTS[check_choice("variant", variant, _VARIANTS)]
        layouts = tuple(_layout(name) for name in chosen)
        return Tree(layouts, depth_codec(depth_png16(unit=1e-4), _RIG), rig=_RIG)

    @classmethod
    def write_fake(cls, root: str | Path, samples: Sequence[StereoSample], **options: object) -> list[str]:
        """See the base class; written for the cameras of the set, whatever the samples state."""
        names = super().write_fake(root, samples, **options)
        tree = cls.tree(variant=str(options.get("variant", "both")))
        for folder in {pair.left.parent for pair in tree.find(Path(root))}:
            write_settings(folder / _SETTINGS, _RIG)
        return names

    def _calibration(self, pair: Pair) -> Calibration:
        return read_settings(pair.left.with_name(_SETTINGS))


def read_settings(path: Path) -> Calibration:
    """Read ``_camera_settings.json``."""
    expected = "expected camera_settings of a left and a right camera, each with intrinsic_settings"
    with decoding(path, f"{expected} fx, cx, cy"):
        cameras = json.loads(read_bytes(path, MOST_TEXT))["camera_settings"]
        left, right = (camera["intrinsic_settings"] for camera in cameras[:2])
        focal, cx, cy = (float(left[name]) for name in ("fx", "cx", "cy"))
        return checked(Calibration(focal, _BASELINE, cx, cy, float(right["cx"]) - cx), path)


def write_settings(path: Path, calibration: Calibration) -> None:
    """Write ``_camera_settings.json`` of two equal cameras."""
    focal, _, cx, cy = calibration[:4]
    intrinsics = {"fx": focal, "fy": focal, "cx": cx, "cy": cy, "s": 0}
    cameras = [{"name": name, "intrinsic_settings": intrinsics} for name in ("left", "right")]
    path.write_text(json.dumps({"camera_settings": cameras}, indent=1), encoding="ascii")


def _layout(variant: str) -> Layout:
    folder = f"{variant}/{_FOLDERS[variant]}"
    return Layout(
        name=f"{folder.replace('/', '_')}_{{frame}}",
        left=f"{folder}/{{frame}}.left.jpg",
        right=f"{folder}/{{frame}}.right.jpg",
        disparity=(f"{folder}/{{frame}}.left.depth.png",),
        right_disparity=f"{folder}/{{frame}}.right.depth.png",
    )
