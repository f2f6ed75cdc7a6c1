"""Middlebury 2001: six scenes made of planes, the Tsukuba lamp and a map, the first stereo benchmark."""

from __future__ import annotations

from pathlib import Path

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Pair, Tree
from dsmnet.io.disparity import DisparityCodec, eight_bits, read_disparity, write_disparity_png8
from dsmnet.types import Calibration, DisparityMap

_SCALE, _SCALE_TSUKUBA = 8.0, 16.0  # stored value of one pixel of disparity


class Middlebury2001(StereoDataset):
    """Middlebury 2001, 8 scenes (Scharstein, Szeliski, IJCV 2002).

    The set says nothing of occlusion, so samples have no ``noc``. Of the further views (``im0`` to ``im8``,
    ``col1`` to ``col5``) the pair that the benchmark compared is read. The calibration holds one thing, a
    bound on what an 8-bit image can store.
    """

    name = "middlebury2001"
    about = About(
        "https://vision.middlebury.edu/stereo/data/scenes2001/",
        "free for research, cite the paper",
        "Scharstein, Szeliski, IJCV 2002",
        pairs=8,
        size="about 430x380",
        download="a scene an archive",
    )

    @staticmethod
    def tree() -> Tree:
        """Return patterns and codecs."""
        planes = Layout(
            name="{scene}",
            left="{scene}/im2.ppm",
            right="{scene}/im6.ppm",
            disparity=("{scene}/disp2.pgm",),
            right_disparity="{scene}/disp6.pgm",
        )
        grey_map = Layout(
            name="{scene}",
            left="{scene}/im0.pgm",
            right="{scene}/im1.pgm",
            disparity=("{scene}/disp0.pgm",),
            right_disparity="{scene}/disp1.pgm",
        )
        tsukuba = Layout(
            name="{scene}",
            left="{scene}/scene1.row3.col3.ppm",
            right="{scene}/scene1.row3.col4.ppm",
            disparity=("{scene}/truedisp.row3.col3.pgm",),
        )
        # Steps and range of the codec are those that hold for every scene.
        codec = DisparityCodec(_read, _write, step=1 / _SCALE, largest=255 / _SCALE_TSUKUBA)
        return Tree((planes, grey_map, tsukuba), codec)

    def _calibration(self, pair: Pair) -> Calibration:
        return eight_bits(_scale(pair.left))


def _scale(path: Path) -> float:
    return _SCALE_TSUKUBA if path.name.startswith(("truedisp", "scene1")) else _SCALE


def _read(path: Path) -> DisparityMap:
    return read_disparity(path, _scale(path))


def _write(path: Path, disparity: DisparityMap) -> None:
    write_disparity_png8(path, disparity, _scale(path))
