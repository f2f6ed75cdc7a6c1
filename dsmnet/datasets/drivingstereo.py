"""DrivingStereo: street scenes with disparity from accumulated laser scans."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Pair, Tree
from dsmnet.io.disparity import png16
from dsmnet.options import check_choice

_WEATHERS = ("sunny", "cloudy", "foggy", "rainy")
_COUNTS = {"train": 174_437, "test": 7_751, **dict.fromkeys(_WEATHERS, 500)}
# Suffix of the views, and the stored value of one pixel of disparity.
_RESOLUTIONS = {"half": ("jpg", 256), "full": ("png", 128)}
_PARTS = ("left-image", "right-image", "disparity-map")


class DrivingStereo(StereoDataset):
    """DrivingStereo, 174,437 training and 7,751 test pairs, 500 of each weather (Yang et al., CVPR 2019).

    Disparity is 16 bit, 0 unknown: times 256 at half size, but times 128 at full size. The training part is
    there at half size (881x400) only. The pairs of the four weathers are taken from its sequences.
    """

    name = "drivingstereo"
    about = About(
        "https://drivingstereo-dataset.github.io",
        "MIT",
        "Yang et al., CVPR 2019",
        pairs=_COUNTS,
        size="881x400; test also 1762x800",
        download="left images, right images, disparity maps; the weathers apart. Unpack each sequence "
        "into the folder of its kind; the weathers have a folder each.",
    )
    splits = ("train", "test")

    @staticmethod
    def tree(split: str = "train", resolution: str = "half") -> Tree:
        """Return patterns and codecs."""
        check_choice("split", split, _COUNTS)
        sizes = ("half",) if split == "train" else tuple(_RESOLUTIONS)
        suffix, scale = _RESOLUTIONS[check_choice(f"split={split} resolution", resolution, sizes)]
        left, right, disparity = (_folder(split, part, resolution) for part in _PARTS)
        layout = Layout(
            name="{frame}",
            left=f"{left}/{{frame}}.{suffix}",
            right=f"{right}/{{frame}}.{suffix}",
            disparity=(f"{disparity}/{{frame}}.png",),
        )
        return Tree((layout,), png16(scale))

    def _scene(self, pair: Pair) -> str:
        return pair.name.split("_")[0]  # a frame's name begins with that of its sequence


def _folder(split: str, part: str, resolution: str) -> str:
    if split == "train":
        return f"train-{part}/{{sequence}}"
    sized = f"{part}-{resolution}-size"
    return f"test-{part}/{sized}/{{sequence}}" if split == "test" else f"{split}/{sized}"
