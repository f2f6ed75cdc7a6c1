"""KITTI 2012 and KITTI 2015: street scenes, with sparse disparity from a laser scanner."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.calibration import kitti_calib
from dsmnet.io.disparity import PNG16
from dsmnet.io.masks import NOC_DISPARITY, OBJECT_MAP
from dsmnet.options import check_choice

_SPLITS = ("training", "testing")
_DOWNLOAD = (
    "Unpack the archives into the folder. Only frames `*_10` are stereo pairs; the zips also hold `*_11` and "
    "`disp_*_1`, which show the next moment and are ignored. Without `disp_occ*` the ground truth is "
    "`disp_noc*`."
)
_VIEWS_2012 = {"color": ("colored_0", "colored_1"), "grey": ("image_0", "image_1")}


class Kitti2012(StereoDataset):
    """KITTI 2012, 194 training and 195 testing pairs (Geiger, Lenz, Urtasun, CVPR 2012).

    Only the frames ``*_10`` belong to the stereo benchmark; ``*_11`` is the next moment, for optical flow.
    """

    name = "kitti2012"
    about = About(
        "https://www.cvlibs.net/datasets/kitti/eval_stereo_flow.php?benchmark=stereo",
        "CC BY-NC-SA 3.0",
        "Geiger, Lenz, Urtasun, CVPR 2012",
        pairs={"training": 194, "testing": 195},
        size="1226x370, varies",
        download=f"`data_stereo_flow.zip`, `data_stereo_flow_calib.zip`. {_DOWNLOAD}",
    )

    @staticmethod
    def tree(split: str = "training", views: str = "color") -> Tree:
        """Return patterns and codecs."""
        check_choice("split", split, _SPLITS)
        left, right = _VIEWS_2012[check_choice("views", views, _VIEWS_2012)]
        layout = Layout(
            name="{frame}_10",
            left=f"{split}/{left}/{{frame}}_10.png",
            right=f"{split}/{right}/{{frame}}_10.png",
            disparity=(f"{split}/disp_occ/{{frame}}_10.png", f"{split}/disp_noc/{{frame}}_10.png"),
            noc=f"{split}/disp_noc/{{frame}}_10.png",
            calibration=f"{split}/calib/{{frame}}.txt",
        )
        # The color images of 2012 lie pixel on pixel over the grey ones, so P0 and P1 hold for both.
        return Tree((layout,), PNG16, NOC_DISPARITY, kitti_calib((0, 1), "P{}"))


class Kitti2015(StereoDataset):
    """KITTI 2015, 200 training and 200 testing pairs (Menze, Geiger, CVPR 2015).

    The frames ``*_11`` and the folders ``disp_*_1`` show the next moment, for scene flow, and are not read.
    """

    name = "kitti2015"
    about = About(
        "https://www.cvlibs.net/datasets/kitti/eval_scene_flow.php?benchmark=stereo",
        "CC BY-NC-SA 3.0",
        "Menze, Geiger, CVPR 2015",
        pairs={"training": 200, "testing": 200},
        size="1242x375, varies",
        download=f"`data_scene_flow.zip`, `data_scene_flow_calib.zip`. {_DOWNLOAD}",
    )

    @staticmethod
    def tree(split: str = "training") -> Tree:
        """Return patterns and codecs."""
        check_choice("split", split, _SPLITS)
        layout = Layout(
            name="{frame}_10",
            left=f"{split}/image_2/{{frame}}_10.png",
            right=f"{split}/image_3/{{frame}}_10.png",
            disparity=(f"{split}/disp_occ_0/{{frame}}_10.png", f"{split}/disp_noc_0/{{frame}}_10.png"),
            noc=f"{split}/disp_noc_0/{{frame}}_10.png",
            calibration=f"{split}/calib_cam_to_cam/{{frame}}.txt",
            foreground=f"{split}/obj_map/{{frame}}_10.png",
        )
        return Tree((layout,), PNG16, NOC_DISPARITY, kitti_calib((2, 3), "P_rect_{:02d}"), OBJECT_MAP)
