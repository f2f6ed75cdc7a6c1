"""What is particular to one set of files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet.data.eth3d import Eth3d
from dsmnet.data.formats import write_image
from dsmnet.data.kitti import Kitti2012, Kitti2015
from dsmnet.data.middlebury import Middlebury
from dsmnet.data.sceneflow import SceneFlow
from dsmnet.errors import DataError
from dsmnet.protocols import StereoSample

SIZE = (37, 53)
MakeSamples = Callable[..., "list[StereoSample]"]


@pytest.mark.parametrize(("cls", "truth"), [(Kitti2012, "disp_occ"), (Kitti2015, "disp_occ_0")])
def test_kitti_uses_the_truth_that_is_there(
    tmp_path: Path, cls: Any, truth: str, make_samples: MakeSamples
) -> None:
    samples = make_samples(2)
    cls.write_fake(tmp_path, samples)
    both = cls(tmp_path)[0]
    assert both["noc"].sum() < both["valid"].sum()

    occ = tmp_path / "training" / truth / "0000_10.png"
    noc = tmp_path / "training" / truth.replace("occ", "noc") / "0000_10.png"
    occ_bytes = occ.read_bytes()
    occ.unlink()
    only_noc = cls(tmp_path)
    assert f"{truth} (1)" in only_noc.describe()
    assert f"{truth.replace('occ', 'noc')} (1)" in only_noc.describe()
    np.testing.assert_array_equal(only_noc[0]["valid"], samples[0]["noc"])
    np.testing.assert_array_equal(only_noc[0]["noc"], samples[0]["noc"])

    occ.write_bytes(occ_bytes)
    noc.unlink()
    only_occ = cls(tmp_path)[0]
    np.testing.assert_array_equal(only_occ["valid"], both["valid"])
    assert "noc" not in only_occ


def test_kitti_leaves_the_next_frame_alone(tmp_path: Path, make_samples: MakeSamples) -> None:
    Kitti2015.write_fake(tmp_path, make_samples(2))
    for folder in ("image_2", "image_3"):
        for frame in ("0000", "0001"):
            write_image(tmp_path / "training" / folder / f"{frame}_11.png", np.zeros((*SIZE, 3), np.uint8))
    next_frame = tmp_path / "training" / "disp_occ_1" / "0000_10.png"
    write_image(next_frame, np.full(SIZE, 999, np.uint16))
    data = Kitti2015(tmp_path)
    assert [pair.name for pair in data.pairs] == ["0000_10", "0001_10"]
    assert "right_disparity" not in data[0]


def test_kitti_2012_has_grey_views_too(tmp_path: Path, make_samples: MakeSamples) -> None:
    samples = make_samples(2)
    Kitti2012.write_fake(tmp_path, samples[:1], views="colour")
    Kitti2012.write_fake(tmp_path, samples[1:], views="grey")
    np.testing.assert_array_equal(Kitti2012(tmp_path, views="grey")[0]["left"], samples[1]["left"])
    np.testing.assert_array_equal(Kitti2012(tmp_path)[0]["left"], samples[0]["left"])


@pytest.mark.parametrize("cls", [Middlebury, Eth3d])
def test_only_255_of_a_mask_is_noc(tmp_path: Path, cls: Any, make_samples: MakeSamples) -> None:
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


def test_sceneflow_uses_what_is_there(tmp_path: Path, make_samples: MakeSamples) -> None:
    SceneFlow.write_fake(tmp_path, make_samples(3), passes="final")
    everything = [pair.name for pair in SceneFlow(tmp_path).pairs]
    assert [name.split("_")[0] for name in everything] == ["Driving", "FlyingThings3D", "Monkaa"]
    assert all("finalpass" in name for name in everything)
    assert [pair.name for pair in SceneFlow(tmp_path, passes="final").pairs] == everything
    with pytest.raises(DataError, match="frames_cleanpass"):
        SceneFlow(tmp_path, passes="clean")
    with pytest.raises(DataError, match="FlyingThings3D/frames_cleanpass/TEST"):
        SceneFlow(tmp_path, split="TEST")


def test_sceneflow_validates_on_its_test_part(tmp_path: Path, make_samples: MakeSamples) -> None:
    SceneFlow.write_fake(tmp_path, make_samples(6))
    test_names = SceneFlow.write_fake(tmp_path, make_samples(2, seed=1), split="TEST")
    train, validation = SceneFlow(tmp_path).split_validation()
    assert len(train) == 6
    assert sorted(test_names) == [validation[index]["name"] for index in range(len(validation))]
