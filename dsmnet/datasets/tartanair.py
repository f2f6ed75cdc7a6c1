"""TartanAir: flights through rendered places, indoors and outdoors, with dense depth."""

from __future__ import annotations

from collections.abc import Sequence

from dsmnet.datasets.base import About, StereoDataset, choose_some
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.depth import DEPTH_FLOAT_PNG, DEPTH_NPY, DepthFormat, depth_codec
from dsmnet.options import check_choice
from dsmnet.types import Calibration

LEVELS = ("Easy", "Hard")
_PLACES = ("{place}", "{place}/{place}")
RIGS = {
    "v1": Calibration(focal=320.0, baseline=0.25, cx=320.0, cy=240.0),
    "v2": Calibration(focal=320.0, baseline=0.25, cx=320.0, cy=320.0),
}
_DEPTH: dict[str, DepthFormat] = {"v1": DEPTH_NPY, "v2": DEPTH_FLOAT_PNG}


class TartanAir(StereoDataset):
    """TartanAir, 306,637 training pairs (Wang et al., IROS 2020), or the newer TartanAir V2.

    Archives unpacked each into the folder of its place leave that name twice, as in
    ``abandonedfactory/abandonedfactory/Easy``; both forms are read.

    The sky is a sphere some kilometres away and known, at a disparity of some hundredths of a pixel.
    """

    name = "tartanair"
    about = About(
        "https://theairlab.org/tartanair-dataset/",
        "CC BY 4.0",
        "Wang et al., IROS 2020",
        size="640x480; V2 640x640",
        download="of each place and level: `image_left`, `image_right`, `depth_left`. Unpack all "
        "archives into the one folder, or each into the folder of its place.",
    )

    @staticmethod
    def published(levels: Sequence[str] = LEVELS, version: str = "v1") -> int | None:
        """Return the number of pairs, where it is known: that of both levels together, of v1."""
        everything = version == "v1" and set(choose_some("levels", levels, LEVELS)) == set(LEVELS)
        return 306_637 if everything else None

    @staticmethod
    def tree(levels: Sequence[str] = LEVELS, version: str = "v1") -> Tree:
        """Return patterns and codecs.

        Args:
            levels: Some of `LEVELS`, how fast the camera moves.
            version: ``v1`` or ``v2``.
        """
        check_choice("version", version, RIGS)
        chosen = choose_some("levels", levels, LEVELS)
        layout = _layout_v1 if version == "v1" else _layout_v2
        layouts = tuple(layout(level, folder) for folder in _PLACES for level in chosen)
        rig = RIGS[version]
        return Tree(layouts, depth_codec(_DEPTH[version], rig), rig=rig)


def _layout_v1(level: str, folder: str) -> Layout:
    flight = f"{folder}/{level}/{{flight}}"
    return Layout(
        name=f"{{place}}_{level}_{{flight}}_{{frame}}",
        left=f"{flight}/image_left/{{frame}}_left.png",
        right=f"{flight}/image_right/{{frame}}_right.png",
        disparity=(f"{flight}/depth_left/{{frame}}_left_depth.npy",),
        right_disparity=f"{flight}/depth_right/{{frame}}_right_depth.npy",
    )


def _layout_v2(level: str, folder: str) -> Layout:
    flight = f"{folder}/Data_{level.lower()}/{{flight}}"
    return layout_v2(f"{{place}}_{level}_{{flight}}_{{frame}}", flight)


def layout_v2(name: str, flight: str) -> Layout:
    """Return the patterns of pairs, each called `name`, of a `flight`, a folder, as V2 stores them."""
    return Layout(
        name=name,
        left=f"{flight}/image_lcam_front/{{frame}}_lcam_front.png",
        right=f"{flight}/image_rcam_front/{{frame}}_rcam_front.png",
        disparity=(f"{flight}/depth_lcam_front/{{frame}}_lcam_front_depth.png",),
        right_disparity=f"{flight}/depth_rcam_front/{{frame}}_rcam_front_depth.png",
    )
