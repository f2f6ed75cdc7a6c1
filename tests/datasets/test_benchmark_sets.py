"""KITTI, Middlebury and ETH3D: ground truth that is there, masks, scales, sizes, lights."""

from __future__ import annotations

import shutil
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet.datasets.eth3d import Eth3d
from dsmnet.datasets.kitti import Kitti2012, Kitti2015
from dsmnet.datasets.middlebury import Middlebury
from dsmnet.datasets.middlebury2001 import Middlebury2001
from dsmnet.datasets.middlebury2003 import Middlebury2003
from dsmnet.datasets.middlebury2005 import Middlebury2005
from dsmnet.datasets.middlebury2014 import Middlebury2014
from dsmnet.errors import DataError
from dsmnet.io import write_image

SIZE = (37, 53)


@pytest.mark.parametrize(("cls", "target"), [(Kitti2012, "disp_occ"), (Kitti2015, "disp_occ_0")])
def test_kitti_uses_the_ground_truth_that_is_there(
    tmp_path: Path, cls: Any, target: str, make_samples: Any
) -> None:
    samples = make_samples(2)
    cls.write_fake(tmp_path, samples)
    both = cls(tmp_path)[0]
    assert both["noc"].sum() < both["valid"].sum()

    occ = tmp_path / "training" / target / "0000_10.png"
    noc = tmp_path / "training" / target.replace("occ", "noc") / "0000_10.png"
    occ_bytes = occ.read_bytes()
    occ.unlink()
    only_noc = cls(tmp_path)
    assert f"{target} (1)" in only_noc.describe()
    assert f"{target.replace('occ', 'noc')} (1)" in only_noc.describe()
    np.testing.assert_array_equal(only_noc[0]["valid"], samples[0]["noc"])
    np.testing.assert_array_equal(only_noc[0]["noc"], samples[0]["noc"])

    occ.write_bytes(occ_bytes)
    noc.unlink()
    only_occ = cls(tmp_path)[0]
    np.testing.assert_array_equal(only_occ["valid"], both["valid"])
    assert "noc" not in only_occ


def test_kitti_leaves_the_next_frame_alone(tmp_path: Path, make_samples: Any) -> None:
    Kitti2015.write_fake(tmp_path, make_samples(2))
    for folder in ("image_2", "image_3"):
        for frame in ("0000", "0001"):
            write_image(tmp_path / "training" / folder / f"{frame}_11.png", np.zeros((*SIZE, 3), np.uint8))
    next_frame = tmp_path / "training" / "disp_occ_1" / "0000_10.png"
    write_image(next_frame, np.full(SIZE, 999, np.uint16))
    data = Kitti2015(tmp_path)
    assert [pair.name for pair in data.pairs] == ["0000_10", "0001_10"]
    assert "right_disparity" not in data[0]


def test_kitti_2012_has_grey_views_too(tmp_path: Path, make_samples: Any) -> None:
    samples = make_samples(2)
    Kitti2012.write_fake(tmp_path, samples[:1], views="color")
    Kitti2012.write_fake(tmp_path, samples[1:], views="grey")
    np.testing.assert_array_equal(Kitti2012(tmp_path, views="grey")[0]["left"], samples[1]["left"])
    np.testing.assert_array_equal(Kitti2012(tmp_path)[0]["left"], samples[0]["left"])


@pytest.mark.parametrize("cls", [Middlebury, Eth3d])
def test_only_255_of_a_mask_is_noc(tmp_path: Path, cls: Any, make_samples: Any) -> None:
    sample = make_samples(1)[0]
    sample["disparity"] = np.ones(SIZE, np.float32)
    cls.write_fake(tmp_path, [sample])
    data = cls(tmp_path)
    mask = np.zeros(SIZE, np.uint8)
    mask[:10], mask[10:20] = 255, 128
    write_image(data.pairs[0].noc, mask)
    np.testing.assert_array_equal(data[0]["noc"], mask == 255)
    assert data[0]["valid"].all()
    data.pairs[0].noc.unlink()
    assert "noc" not in cls(tmp_path)[0]


def test_eth3d_takes_either_name_of_its_test_folder_but_not_both(tmp_path: Path, make_samples: Any) -> None:
    Eth3d.write_fake(tmp_path, make_samples(1), split="testing")
    options: dict[str, Any] = {"split": "testing", "require_ground_truth": False}
    assert len(Eth3d(tmp_path, **options)) == 1
    shutil.copytree(tmp_path / "two_view_testing", tmp_path / "two_view_test")
    with pytest.raises(DataError, match=r"0000 is there twice, .*two_view_test.* and .*two_view_test"):
        Eth3d(tmp_path, **options)
    shutil.rmtree(tmp_path / "two_view_testing")
    assert len(Eth3d(tmp_path, **options)) == 1


def test_each_scene_of_middlebury_2001_has_its_scale(tmp_path: Path) -> None:
    views = {"sawtooth": ("im2.ppm", "im6.ppm"), "map": ("im0.pgm", "im1.pgm")}
    views["tsukuba"] = ("scene1.row3.col3.ppm", "scene1.row3.col4.ppm")
    target = {"sawtooth": "disp2.pgm", "map": "disp0.pgm", "tsukuba": "truedisp.row3.col3.pgm"}
    for scene, files in views.items():
        for file in files:
            write_image(tmp_path / scene / file, np.full((*SIZE, 3), 7, np.uint8))
        write_image(tmp_path / scene / target[scene], np.full(SIZE, 80, np.uint8))
    data = Middlebury2001(tmp_path)
    samples = [data[index] for index in range(3)]
    found = {sample["name"]: float(sample["disparity"][0, 0]) for sample in samples}
    assert found == {"map": 10, "sawtooth": 10, "tsukuba": 5}
    bounds = {sample["name"]: sample["calibration"].max_disparity for sample in samples}
    assert bounds == {"map": 32, "sawtooth": 32, "tsukuba": 16}


@pytest.mark.parametrize(("size", "scale"), [("FullSize", 1), ("HalfSize", 2), ("QuarterSize", 4)])
def test_each_size_of_middlebury_2003_has_its_scale(tmp_path: Path, size: str, scale: int) -> None:
    for file in ("im2.ppm", "im6.ppm", "disp2.pgm"):
        write_image(tmp_path / size / "cones" / file, np.full((*SIZE, 3), 80, np.uint8))
    assert float(Middlebury2003(tmp_path, resolution=size)[0]["disparity"].max()) == 80 / scale


def test_middlebury_2005_has_one_ground_truth_for_all_lights(tmp_path: Path, make_samples: Any) -> None:
    samples = make_samples(1)
    Middlebury2005.write_fake(tmp_path, samples)
    scene = tmp_path / "ThirdSize" / "0000"
    for light, exposure, view in product("123", "012", "15"):
        picture = np.full((*SIZE, 3), int(light + exposure), np.uint8)
        write_image(scene / f"Illum{light}" / f"Exp{exposure}" / f"view{view}.png", picture)
    data = Middlebury2005(tmp_path, views="lights")
    assert len(data) == 9
    assert data[5]["name"] == "0000_Illum2_Exp2"
    assert (data[5]["left"] == 22).all()
    np.testing.assert_array_equal(data[5]["disparity"], Middlebury2005(tmp_path)[0]["disparity"])
    assert data[5]["calibration"].max_disparity == 86


def test_middlebury_2014_has_right_views_of_another_exposure_and_light(
    tmp_path: Path, make_samples: Any
) -> None:
    samples = make_samples(3)
    for sample, right in zip(samples, ("im1", "im1E", "im1L"), strict=True):
        Middlebury2014.write_fake(tmp_path, [sample], rectification="imperfect", right_view=right)
    for sample, right in zip(samples, ("im1", "im1E", "im1L"), strict=True):
        found = Middlebury2014(tmp_path, rectification="imperfect", right_view=right)[0]
        np.testing.assert_array_equal(found["right"], sample["right"])
    with pytest.raises(DataError, match="-perfect/im0"):
        Middlebury2014(tmp_path)
