"""InStereo2K, Booster, DrivingStereo, Spring and Argoverse: splits, scenes, scales, times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet.datasets.argoverse import Argoverse
from dsmnet.datasets.booster import Booster
from dsmnet.datasets.drivingstereo import DrivingStereo
from dsmnet.datasets.instereo2k import InStereo2K
from dsmnet.datasets.spring import Spring
from dsmnet.errors import DataError, UserError
from dsmnet.io import write_disparity_png16, write_image
from dsmnet.io.npy import write_npy

SIZE = (37, 53)


def names(part: Any) -> list[str]:
    return [part[index]["name"] for index in range(len(part))]


def write_argoverse(root: Path, lefts: list[int], rights: list[int], log: str = "log") -> None:
    views = root / "rectified_stereo_images_v1.1" / "train" / log
    maps = root / "disparity_maps_v1.1" / "train" / log
    objects = np.zeros(SIZE, np.float32)
    objects[10:20, 5:15] = 7
    for side, times in (("left", lefts), ("right", rights)):
        for time in times:
            folder = f"stereo_front_{side}_rect"
            write_image(views / folder / f"{folder}_{time}.jpg", np.zeros((*SIZE, 3), np.uint8))
    for time in lefts:
        for kind, values in (("", np.full(SIZE, 7.0)), ("objects_", objects)):
            write_disparity_png16(
                maps / f"stereo_front_left_rect_{kind}disparity" / f"disparity_{time}.png", values
            )


T = 315_969_698_980_803_240


@pytest.mark.parametrize(
    ("cls", "split"), [(InStereo2K, "test"), (DrivingStereo, "test"), (Argoverse, "val")]
)
def test_the_authors_validation_part_is_used(tmp_path: Path, cls: Any, split: str, make_samples: Any) -> None:
    trained = cls.write_fake(tmp_path, make_samples(3), split="train")
    validated = cls.write_fake(tmp_path, make_samples(2, seed=1), split=split)
    train, validation = cls(tmp_path).split_validation()
    assert names(train) == sorted(trained)
    assert names(validation) == sorted(validated)
    # asked for that part itself, there is nothing else to hold back
    assert len(cls(tmp_path, split).split_validation()[1]) == 1


@pytest.mark.parametrize(
    ("cls", "left", "right", "scene_of"),
    [
        (
            Booster,
            "train/balanced/{scene}/camera_00/im{n}.png",
            "train/balanced/{scene}/camera_02/im{n}.png",
            "{scene}_im{n}",
        ),
        (
            Spring,
            "train/{scene}/frame_left/frame_left_000{n}.png",
            "train/{scene}/frame_right/frame_right_000{n}.png",
            "{scene}_000{n}",
        ),
    ],
)
def test_whole_scenes_are_held_back(tmp_path: Path, cls: Any, left: str, right: str, scene_of: str) -> None:
    image = np.zeros((*SIZE, 3), np.uint8)
    for scene in "ABCDEF":
        for n in range(3):
            for view in (left, right):
                write_image(tmp_path / view.format(scene=scene, n=n), image)
    train, validation = cls(tmp_path, require_ground_truth=False).split_validation()
    assert names(validation) == [scene_of.format(scene=scene, n=n) for scene in "AF" for n in range(3)]
    assert {name[0] for name in names(train)} == set("BCDE")


def test_a_single_scene_is_split_by_pairs(tmp_path: Path) -> None:
    for n in range(6):
        for camera in ("00", "02"):
            write_image(
                tmp_path / f"train/balanced/Sink/camera_{camera}/im{n}.png", np.zeros((*SIZE, 3), np.uint8)
            )
    train, validation = Booster(tmp_path, require_ground_truth=False).split_validation()
    assert names(validation) == ["Sink_im0", "Sink_im5"]
    assert len(train) == 4


def test_the_lights_of_a_scene_share_its_ground_truth_and_mask(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scene = tmp_path / "train" / "balanced" / "Sink"
    disparity = rng.uniform(1, 50, SIZE).astype(np.float32)
    disparity[:5] = 0
    mask = np.where(np.arange(SIZE[1]) < 10, 0, 255) * np.ones((SIZE[0], 1))
    write_npy(scene / "disp_00.npy", disparity)
    write_npy(scene / "disp_02.npy", disparity + 1)
    write_image(scene / "mask_00.png", mask.astype(np.uint8))
    write_image(scene / "mask_cat.png", np.ones(SIZE, np.uint8))
    for light in range(3):
        for camera in ("camera_00", "camera_02"):
            write_image(scene / camera / f"im{light}.png", np.full((*SIZE, 3), light, np.uint8))
    data = Booster(tmp_path)
    assert [pair.name for pair in data.pairs] == ["Sink_im0", "Sink_im1", "Sink_im2"]
    for light, sample in enumerate(data[index] for index in range(3)):
        assert (sample["left"] == light).all()
        np.testing.assert_array_equal(sample["disparity"], disparity)
        np.testing.assert_array_equal(sample["right_disparity"], disparity + 1)
        np.testing.assert_array_equal(sample["noc"], (mask > 0) & (disparity > 0))


@pytest.mark.parametrize("split", ["test", "sunny", "cloudy", "foggy", "rainy"])
@pytest.mark.parametrize(("resolution", "scale"), [("half", 256), ("full", 128)])
def test_drivingstereo_scales_by_its_resolution(
    tmp_path: Path, split: str, resolution: str, scale: int
) -> None:
    folder = f"-{resolution}-size/2018-07-11-14-48-52" if split == "test" else f"-{resolution}-size"
    prefix = "test-{part}/{part}" if split == "test" else f"{split}/{{part}}"
    suffix = {"half": "jpg", "full": "png"}[resolution]
    frame = "2018-07-11-14-48-52_2018-07-11-15-00-00-001"
    for part in ("left-image", "right-image"):
        write_image(
            tmp_path / f"{prefix.format(part=part)}{folder}/{frame}.{suffix}",
            np.full((*SIZE, 3), 99, np.uint8),
        )
    stored = np.full(SIZE, 25600, np.uint16)
    write_image(tmp_path / f"{prefix.format(part='disparity-map')}{folder}/{frame}.png", stored)
    (sample,) = (DrivingStereo(tmp_path, split, resolution)[index] for index in range(1))
    assert sample["name"] == frame
    assert (sample["disparity"] == 25600 / scale).all()


def test_drivingstereo_trains_at_half_size_only(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="split=train resolution=full: expected half"):
        DrivingStereo(tmp_path, "train", "full")


def test_argoverse_pairs_the_views_of_one_moment(tmp_path: Path) -> None:
    moments = [T + n * 199_797_120 for n in range(3)]
    rights = [moments[0] - 270_704, moments[1] + 2_400, moments[2]]
    write_argoverse(tmp_path, moments, rights)
    write_argoverse(tmp_path, [T], [T + 1_000], log="other")  # the same time in another log
    data = Argoverse(tmp_path)
    found = [(pair.name, pair.right.name) for pair in data.pairs]
    assert found == [
        *((f"log_{a}", f"stereo_front_right_rect_{b}.jpg") for a, b in zip(moments, rights, strict=True)),
        (f"other_{T}", f"stereo_front_right_rect_{T + 1_000}.jpg"),
    ]
    sample = data[0]
    assert sample["foreground"].sum() == 100
    assert (sample["disparity"] == 7).all()


@pytest.mark.parametrize(
    ("lefts", "rights", "alone"),
    [
        ([T, T + 200_000_000], [T + 5], T + 200_000_000),
        ([T], [T + 5, T + 200_000_000], T + 200_000_000),
        ([T], [T + 200_000_000], T),
        ([], [T], T),
    ],
)
def test_argoverse_names_a_view_without_the_other(
    tmp_path: Path, lefts: list[int], rights: list[int], alone: int
) -> None:
    write_argoverse(tmp_path, lefts, rights)
    with pytest.raises(DataError, match=f"half copied, 1 of .*log_{alone}"):
        Argoverse(tmp_path)
