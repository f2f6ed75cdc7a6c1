"""Trees of the authors' archives, spelled out here once more, are found with all of their parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dsmnet.datasets.argoverse import Argoverse
from dsmnet.datasets.booster import Booster
from dsmnet.datasets.carla_highres import CarlaHighRes
from dsmnet.datasets.crestereo import CreStereo
from dsmnet.datasets.drivingstereo import DrivingStereo
from dsmnet.datasets.eth3d import Eth3d
from dsmnet.datasets.falling_things import FallingThings
from dsmnet.datasets.fsd import Fsd
from dsmnet.datasets.instereo2k import InStereo2K
from dsmnet.datasets.irs import Irs
from dsmnet.datasets.kitti import Kitti2012, Kitti2015
from dsmnet.datasets.middlebury import Middlebury
from dsmnet.datasets.middlebury2001 import Middlebury2001
from dsmnet.datasets.middlebury2003 import Middlebury2003
from dsmnet.datasets.middlebury2005 import Middlebury2005
from dsmnet.datasets.middlebury2006 import Middlebury2006
from dsmnet.datasets.middlebury2014 import Middlebury2014
from dsmnet.datasets.middlebury2021 import Middlebury2021
from dsmnet.datasets.sintel import Sintel
from dsmnet.datasets.spring import Spring
from dsmnet.datasets.subsets import choose_named, read_names
from dsmnet.datasets.tartanair import TartanAir
from dsmnet.datasets.tartanground import TartanGround
from dsmnet.datasets.unrealstereo4k import UnrealStereo4K
from dsmnet.datasets.vkitti2 import VirtualKitti2
from dsmnet.datasets.wmgstereo import WmgStereo

DRIVING = "2018-07-11-14-48-52"
FAT = "000000.{left,right}.{jpg,depth.png,seg.png,json}"
IRS = "{Home/ArchVizInterior03Data,Store/ConvenienceStore}"
LOG = "273c1883-673a-36bf-b124-88311b1a80be"
MIDDLEBURY = "{Aloe,Art}/{{Illum{1,2,3}/Exp{0,1,2}/,}view{0,1,5,6}.png,disp{1,5}.png,dmin.txt}"
SINTEL = "{clean_left,clean_right,final_left,final_right,disparities,occlusions,outofframe,disparities_viz}"
TARTAN = "abandonedfactory{,_night}/{Easy,Hard}/P00{0,1}"
BOTH = "disparity right_disparity"
WMG = [
    f"{{indoor,flying,nature}}/1a2b/frames/{{Image/camera_{n}/Image,camview/camera_{n}/camview,"
    f"disparity/camera_{n}/disparity,sky_mask/camera_{n}/mask}}_{{0,3}}_0_0001_{n}.{{png,npy,npz}}"
    for n in (0, 1)
]
WEATHERS = ("sunny", "cloudy", "foggy", "rainy")
# Data set, options, published pairs, files of a tree, parts of each pair, pairs in the tree.
TREES: list[tuple[Any, dict[str, Any], int | None, str, str, int]] = [
    (Kitti2012, {}, 194,
     "training/{{{colored,image}_{0,1},disp_occ,disp_noc}/00000{0,1}_1{0,1}.png,calib/00000{0,1}.txt}",
     "disparity noc calibration", 2),
    (Kitti2012, {"split": "testing", "views": "grey"}, 195, "testing/image_{0,1}/00000{0,1}_1{0,1}.png",
     "", 2),
    (Kitti2015, {}, 200, "training/{image_{2,3},disp_{occ,noc}_{0,1},obj_map}/00000{0,1}_1{0,1}.png",
     "disparity noc foreground", 2),
    (Kitti2015, {"split": "testing"}, 200,
     "testing/{image_{2,3}/00000{0,1}_1{0,1}.png,calib_cam_to_cam/00000{0,1}.txt}", "calibration", 2),
    *(
        (Middlebury, {"resolution": size}, 15,
         f"training{size}/{{Piano,PianoL}}/{{im0.png,im1.png,disp0GT.pfm,disp1GT.pfm,mask0nocc.png,calib.txt}}",
         "disparity right_disparity noc calibration", 2)
        for size in "FHQ"
    ),
    (Middlebury, {"split": "test"}, 15, "testQ/{Hoops,Plants}/{im0.png,im1.png,calib.txt}", "calibration", 2),
    (Middlebury2001, {}, 8,
     "{{barn1,venus}/{im{0,1,2,6}.ppm,disp{2,6}.pgm},map/{im0,im1,disp0,disp1}.pgm,"
     "tsukuba/{scene1.row3.col{1,2,3,4,5}.ppm,truedisp.row3.col3.pgm}}", "disparity", 4),
    *(
        (Middlebury2003, {"resolution": size}, 2,
         f"{size}/{{cones,teddy}}{letter}/{{im{{1,2,6}}.{view},disp{{2,6}}.{target}}}",
         BOTH, 2)
        for size, letter in (("FullSize", "F"), ("HalfSize", "H"), ("QuarterSize", ""))
        for view, target in (("png", "png"), ("ppm", "pgm"))
    ),
    (Middlebury2005, {}, 6, f"ThirdSize/{MIDDLEBURY}", BOTH, 2),
    (Middlebury2005, {"views": "lights"}, 54, f"ThirdSize/{MIDDLEBURY}", BOTH, 18),
    (Middlebury2006, {"resolution": "FullSize"}, 21, f"FullSize/{MIDDLEBURY}", BOTH, 2),
    (Middlebury2006, {"views": "lights"}, 189, f"ThirdSize/{MIDDLEBURY}", BOTH, 18),
    *(
        (Middlebury2014, {"rectification": kind, "right_view": right}, 23,
         "{Cable,Mask}-{perfect,imperfect}/{im{0,1,1E,1L}.png,disp{0,1}.pfm,calib.txt}",
         "disparity right_disparity calibration", 2)
        for kind, right in (("perfect", "im1"), ("imperfect", "im1E"), ("imperfect", "im1L"))
    ),
    *(
        (Middlebury2021, {}, 24, f"{folder}{{chess1,podium1}}/{{im{{0,1}}.png,disp{{0,1}}.pfm,calib.txt}}",
         "disparity right_disparity calibration", 2)
        for folder in ("data/", "")
    ),
    (Eth3d, {}, 27, "two_view_training{/facade_1s/{im0.png,im1.png,calib.txt},"
     "_gt/facade_1s/{disp0GT.pfm,mask0nocc.png}}", "disparity noc calibration", 1),
    *(
        (Eth3d, {"split": "testing"}, 20, f"two_view_{folder}/sand_1{{l,s}}/{{im0.png,im1.png,calib.txt}}",
         "calibration", 2)
        for folder in ("testing", "test")
    ),
    (VirtualKitti2, {}, 21_260, "Scene0{1,2}/{clone,fog,15-deg-left}/frames/"
     "{rgb/Camera_{0,1}/rgb_00000.jpg,depth/Camera_{0,1}/depth_00000.png}", BOTH, 6),
    (VirtualKitti2, {"variations": ["clone"], "archives": "apart"}, 2126,
     "vkitti_2.0.3_{rgb/Scene01/clone/frames/rgb/Camera_{0,1}/rgb_00000.jpg,"
     "depth/Scene01/clone/frames/depth/Camera_{0,1}/depth_00000.png}", BOTH, 1),
    *(
        (Sintel, {"passes": passes}, count, f"training/{SINTEL}/{{alley_1,cave_2}}/frame_000{{1,2}}.png",
         "disparity noc", found)
        for passes, count, found in (("clean", 1064, 4), ("final", 1064, 4), ("both", 2128, 8))
    ),
    (FallingThings, {"variant": "single"}, 31_500,
     f"{{single/{{003_cracker_box_16k,011_banana_16k}}/,mixed/}}kitchen_{{0,1}}/{FAT}",
     BOTH, 4),
    (FallingThings, {"variant": "mixed"}, 30_000, f"{{single/011_banana_16k/,mixed/}}kitchen_{{0,1}}/{FAT}",
     BOTH, 2),
    (FallingThings, {}, 61_500, f"{{single/011_banana_16k/,mixed/}}kitchen_{{0,1}}/{FAT}",
     BOTH, 4),
    (CreStereo, {}, 200_000, "{tree,shapenet,reflective,hole}/0000000{1,2}-2128_{left,right}.{jpg,disp.png}",
     BOTH, 8),
    (CreStereo, {"kinds": ["tree"]}, None, "{tree,hole}/00000001-2128_{left,right}.{jpg,disp.png}",
     BOTH, 1),
    (TartanAir, {}, 306_637, f"{TARTAN}/{{image_{{left,right}}/000000_{{left,right}}.png,"
     "{depth,seg}_{left,right}/000000_{left,right}_{depth,seg}.npy}", BOTH, 8),
    (TartanAir, {"version": "v2", "levels": ["Hard"]}, None,
     "abandonedfactory/Data_{easy,hard}/P00{0,1}/{image_{lcam,rcam}_front/000000_{lcam,rcam}_front.png,"
     "depth_{lcam,rcam}_front/000000_{lcam,rcam}_front_depth.png}", BOTH, 2),
    *(
        (UnrealStereo4K, {"resolution": size}, 8200,
         f"0000{{0,8}}/{{Image{{0,1}}/0000{{0,1}}.{suffix},Disp{{0,1}}/0000{{0,1}}.npy}}",
         BOTH, 4)
        for size, suffix in (("full", "png"), ("quarter", "jpg"))
    ),
    (CarlaHighRes, {}, 780, "trainingF/exp-{3,4}_w-1_pos-5-57_00100/{im{0,1}.png,disp{0,1}GT.pfm}",
     BOTH, 2),
    (InStereo2K, {}, 2010, "train/part{1,6}/00000{1,2}/{left,right}{,_disp}.png", BOTH, 4),
    (InStereo2K, {"split": "test"}, 50, "test/00000{1,2}/{left,right}{,_disp}.png",
     BOTH, 2),
    (Booster, {}, 228, "train/balanced/{Sink,Door}/{camera_0{0,2}/im{0,1}.png,disp_0{0,2}.npy,mask_00.png}",
     "disparity right_disparity noc", 4),
    (Booster, {"split": "test"}, 191, "test/balanced/Scene1/camera_0{0,2}/im{0,1}.png", "", 2),
    (Spring, {}, 5000, "train/00{01,02}/{frame_{left,right}/frame_{left,right}_0001.png,"
     "disp1_{left,right}/disp1_{left,right}_0001.dsp5,maps/matchmap_disp1_left/matchmap_disp1_left_0001.png}",
     "disparity right_disparity noc", 2),
    (Spring, {"split": "test"}, 1000, "test/0003/frame_{left,right}/frame_{left,right}_000{1,2}.png", "", 2),
    (DrivingStereo, {}, 174_437,
     f"train-{{left-image,right-image,disparity-map}}/{DRIVING}/{DRIVING}_1-00{{1,2}}.{{jpg,png}}",
     "disparity", 2),
    *(
        (DrivingStereo, {"split": "test", "resolution": size}, 7_751,
         f"test-{{left-image/left-image,right-image/right-image,disparity-map/disparity-map}}-{size}-size/"
         f"{DRIVING}/{DRIVING}_1-00{{1,2}}.{{{suffix},png}}", "disparity", 2)
        for size, suffix in (("half", "jpg"), ("full", "png"))
    ),
    *(
        (DrivingStereo, {"split": weather, "resolution": size}, 500,
         f"{weather}/{{left-image,right-image,disparity-map}}-{size}-size/2018_{{1,2}}.{{{suffix},png}}",
         "disparity", 2)
        for weather in WEATHERS
        for size, suffix in (("half", "jpg"), ("full", "png"))
    ),
    *(
        (Argoverse, {"split": split}, count,
         f"{{rectified_stereo_images_v1.1/{split}/{LOG}/{{stereo_front_left_rect/stereo_front_left_rect_10{{1,2}},"
         f"stereo_front_right_rect/stereo_front_right_rect_10{{1,2}}}}.jpg,disparity_maps_v1.1/{split}/{LOG}/"
         "stereo_front_left_rect_disparity/disparity_10{1,2}.png}", "disparity", 2)
        for split, count in (("train", 4008), ("val", 1522))
    ),
    (Argoverse, {"split": "test"}, 1094,
     f"rectified_stereo_images_v1.1/test/{LOG}/stereo_front_{{left_rect/stereo_front_left,"
     "right_rect/stereo_front_right}_rect_10{1,2}.jpg", "", 2),
    (Fsd, {}, None, "{amr_v5-b2_chaos_2500_1,manipulation_v5_realistic_kitchen_2500_1}/dataset/data/"
     "{{left,right}/rgb/000{0,1}.jpg,left/disparity/000{0,1}.png}", "disparity", 4),
    (WmgStereo, {}, None, "{" + ",".join(WMG) + "}", "disparity calibration", 6),
    (WmgStereo, {"kinds": "nature"}, None, "{" + ",".join(WMG) + "}", "disparity calibration", 2),
    (Irs, {}, 103_316, f"{IRS}/{{{{l,r}}_0000{{1,2}}.png,{{d,n}}_0000{{1,2}}.exr}}", "disparity", 4),
    (Irs, {"kinds": ["Store"]}, 6_696, f"{IRS}/{{{{l,r}}_00001.png,{{d,n}}_00001.exr}}", "disparity", 1),
    (TartanGround, {}, None, "Hospital/Data_{omni,diff,anymal}/P0000/{image_{lcam,rcam}_{front,left}/"
     "000000_{lcam,rcam}_{front,left}.png,depth_lcam_front/000000_lcam_front_depth.png}", "disparity", 3),
]  # fmt: skip


def expand(pattern: str) -> Iterator[str]:
    """Yield what a shell makes of braces, the innermost first."""
    found = re.search(r"\{([^{}]*)\}", pattern)
    if found is None:
        yield pattern
        return
    for choice in found[1].split(","):
        yield from expand(pattern[: found.start()] + choice + pattern[found.end() :])


def touch(root: Path, pattern: str) -> None:
    for name in set(expand(pattern)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize(
    ("cls", "options", "published", "files", "parts", "count"),
    TREES,
    ids=[f"{number}-{row[0].name}" for number, row in enumerate(TREES)],
)
def test_layout_of_the_authors_tree_is_found(
    tmp_path: Path,
    cls: Any,
    options: dict[str, Any],
    published: int | None,
    files: str,
    parts: str,
    count: int,
) -> None:
    touch(tmp_path, files)
    pairs = cls(tmp_path, **options, require_ground_truth="disparity" in parts).pairs
    assert len({pair.name for pair in pairs}) == len(pairs) == count
    for pair in pairs:
        assert pair.left != pair.right
        assert all(getattr(pair, part) for part in parts.split())
    assert cls.published(**options) == published


@pytest.mark.parametrize(
    ("cls", "year", "train", "validation"),
    [(Kitti2012, 2012, 160, 34), (Kitti2012, 2012, 170, 24), (Kitti2012, 2012, 180, 14),
     (Kitti2015, 2015, 160, 40), (Kitti2015, 2015, 180, 20)],
)  # fmt: skip
def test_splits_of_kitti_share_no_pair_and_leave_none_out(
    tmp_path: Path, cls: Any, year: int, train: int, validation: int
) -> None:
    everything = {f"{number:06d}_10" for number in range(train + validation)}
    folders = {2012: "{colored_0,colored_1,disp_occ}", 2015: "{image_2,image_3,disp_occ_0}"}[year]
    for name in everything:
        touch(tmp_path, f"training/{folders}/{name}.png")
    parts = []
    for kind, number in (("train", train), ("val", validation)):
        listed = f"kitti{year}_{kind}{number}"
        found = [pair.name for pair in cls(tmp_path, subset=listed).pairs]
        assert len(found) == len(read_names(listed)) == number
        parts.append(set(found))
    assert not parts[0] & parts[1]
    assert parts[0] | parts[1] == everything


def test_lists_of_unrealstereo4k_share_no_pair_and_leave_none_out(tmp_path: Path) -> None:
    counts = {"train": 7720, "val": 80, "test": 200, "out_test": 200}
    lists = {part: read_names(f"unrealstereo4k_{part}") for part in counts}
    assert {part: len(names) for part, names in lists.items()} == counts
    assert len(set().union(*lists.values())) == 8200
    for part, names in lists.items():
        assert {name.startswith("00008_") for name in names} == {part == "out_test"}
    touch(tmp_path, "0000{0,8}/{Image{0,1}/0004{6,7}.png,Disp{0,1}/0004{6,7}.npy}")
    pairs = UnrealStereo4K(tmp_path).pairs
    assert [pair.name for pair in choose_named(pairs, "unrealstereo4k_test", "x")] == ["00000_00047"]
