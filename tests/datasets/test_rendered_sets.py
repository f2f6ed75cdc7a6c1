"""CARLA, Virtual KITTI 2, TartanAir, Falling Things, CREStereo, WMGStereo, IRS: lists, cameras, options."""

from __future__ import annotations

import json
import logging
import math
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet.datasets.carla import Carla
from dsmnet.datasets.carla_highres import CarlaHighRes
from dsmnet.datasets.crestereo import CreStereo
from dsmnet.datasets.falling_things import FallingThings
from dsmnet.datasets.fsd import Fsd
from dsmnet.datasets.irs import Irs
from dsmnet.datasets.tartanair import TartanAir
from dsmnet.datasets.tartanground import TartanGround
from dsmnet.datasets.vkitti2 import VirtualKitti2
from dsmnet.datasets.wmgstereo import WmgStereo
from dsmnet.errors import DataError, FormatError, UserError
from dsmnet.io import write_image, write_pfm
from dsmnet.types import Calibration

SIZE = (37, 53)


def carla_with(tmp_path: Path, make_samples: Any, *lines: str) -> Path:
    """Write two pairs and then a list of one's own."""
    Carla.write_fake(tmp_path, make_samples(2))
    (tmp_path / "carla.list").write_text("\n".join(lines) + "\n")
    return tmp_path / "carla.list"


def test_carla_takes_fov_and_baseline_of_each_pair_from_the_list(tmp_path: Path, make_samples: Any) -> None:
    carla_with(
        tmp_path, make_samples, "0000_left.png 0000_right.png 90 0.5", "", "0001_left.png 0001_right.png 60 2"
    )
    code = np.zeros((*SIZE, 3), np.uint8)
    code[..., 2] = 1  # 65536 of 2^24 - 1, of 1000 m
    for frame in ("0000", "0001"):
        write_image(tmp_path / "depth" / f"{frame}_left.png", code)
    wide, narrow = Carla(tmp_path)
    depth = 1000 * 65536 / (2**24 - 1)
    assert wide["calibration"] == pytest.approx(Calibration(26.5, 0.5, 26.5, 18.5))
    assert narrow["calibration"].focal == pytest.approx(26.5 * math.sqrt(3))
    np.testing.assert_allclose(wide["disparity"], 26.5 * 0.5 / depth, rtol=1e-6)
    np.testing.assert_allclose(narrow["disparity"], 26.5 * math.sqrt(3) * 2 / depth, rtol=1e-6)


def test_carla_views_may_lie_in_any_folder(tmp_path: Path, make_samples: Any) -> None:
    sample = make_samples(1)[0]
    for folder, view in (("left", "left"), ("right", "right")):
        write_image(tmp_path / "rgb" / "Town01" / folder / "7.png", sample[view])  # type: ignore[literal-required]
    write_image(tmp_path / "depth" / "Town01" / "left" / "7.png", np.full((*SIZE, 3), 9, np.uint8))
    (tmp_path / "carla.list").write_text("Town01/left/7.png Town01/right/7.png 90 0.5\n")
    data = Carla(tmp_path)
    assert [pair.name for pair in data.pairs] == ["Town01_left_7"]
    np.testing.assert_array_equal(data[0]["right"], sample["right"])
    assert data[0]["valid"].all()


def test_carla_leaves_out_what_is_listed_and_not_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, make_samples: Any
) -> None:
    carla_with(tmp_path, make_samples, "0000_left.png 0000_right.png 90 0.5", "9_left.png 9_right.png 90 0.5")
    with caplog.at_level(logging.WARNING):
        assert [pair.name for pair in Carla(tmp_path).pairs] == ["0000_left"]
    assert "1 of 2 pairs are not there: 9_left" in caplog.text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0001_left.png 0001_right.png 90", "'left right fov baseline' was expected"),
        ("0001_left.png 0001_right.png wide 0.5", "'left right fov baseline' was expected"),
        ("0001_left.png 0001_right.png 180 0.5", "field of view below 180"),
        ("0001_left.png 0001_right.png nan 0.5", "field of view below 180"),
        ("0001_left.png 0001_right.png 90 -0.5", "positive baseline"),
        ("0000_left.png 0001_right.png 90 0.5", "0000_left.png was named before"),
    ],
)
def test_carla_names_the_line_that_is_wrong(
    tmp_path: Path, line: str, message: str, make_samples: Any
) -> None:
    carla_with(tmp_path, make_samples, "0000_left.png 0000_right.png 90 0.5", line)
    with pytest.raises(FormatError, match=rf"carla\.list:2: .*{message}"):
        Carla(tmp_path)


def test_carla_without_its_list_asks_for_it(tmp_path: Path, make_samples: Any) -> None:
    carla_with(tmp_path, make_samples, "").unlink()
    with pytest.raises(DataError, match=r"has no carla\.list; expected that list"):
        Carla(tmp_path)


def test_carla_highres_takes_the_magnitude(tmp_path: Path, make_samples: Any) -> None:
    CarlaHighRes.write_fake(tmp_path, make_samples(1))
    data = CarlaHighRes(tmp_path)
    write_pfm(data.pairs[0].disparity, np.where(np.eye(*SIZE), np.inf, -7.5))  # type: ignore[arg-type]
    np.testing.assert_array_equal(data[0]["disparity"], np.where(np.eye(*SIZE), 0, 7.5))


@pytest.mark.parametrize(
    ("cls", "options", "rig"),
    [
        (VirtualKitti2, {}, Calibration(725.0087, 0.532725, 620.5, 187.0)),
        (TartanAir, {"version": "v1"}, Calibration(320, 0.25, 320, 240)),
        (TartanAir, {"version": "v2"}, Calibration(320, 0.25, 320, 320)),
        (TartanGround, {}, Calibration(320, 0.25, 320, 320)),
        (Irs, {}, Calibration(480, 0.1, 480, 270)),
        (FallingThings, {}, Calibration(768.16058349609375, 0.06, 480, 270)),
    ],
)
def test_samples_know_the_cameras_of_the_set(
    tmp_path: Path, cls: Any, options: Any, rig: Calibration, make_samples: Any
) -> None:
    cls.write_fake(tmp_path, make_samples(1), **options)
    assert cls(tmp_path, **options)[0]["calibration"] == rig


def test_falling_things_reads_the_settings_beside_the_views(tmp_path: Path, make_samples: Any) -> None:
    FallingThings.write_fake(tmp_path, make_samples(1), variant="mixed")
    data = FallingThings(tmp_path)
    before = data[0]["disparity"]
    settings = tmp_path / "mixed" / "0000" / "_camera_settings.json"
    content = json.loads(settings.read_text())
    content["camera_settings"][0]["intrinsic_settings"]["fx"] *= 2
    settings.write_text(json.dumps(content))
    np.testing.assert_allclose(data[0]["disparity"], 2 * before, rtol=1e-6)
    for wrong in ("", "{}", '{"camera_settings": []}', '{"camera_settings": [{}, {}]}', "[1]"):
        settings.write_text(wrong)
        with pytest.raises(FormatError, match=r"_camera_settings\.json: expected camera_settings"):
            data[0]
    content["camera_settings"][0]["intrinsic_settings"]["fx"] = 0
    settings.write_text(json.dumps(content))
    with pytest.raises(FormatError, match="positive focal length"):
        data[0]
    settings.unlink()
    with pytest.raises(DataError, match=r"_camera_settings\.json: no such file"):
        data[0]


def test_a_single_word_is_a_list_of_one(tmp_path: Path, make_samples: Any) -> None:
    CreStereo.write_fake(tmp_path, make_samples(4))
    assert [pair.name for pair in CreStereo(tmp_path, kinds="reflective").pairs] == ["reflective_0002"]
    assert len(CreStereo(tmp_path, kinds=["tree", "hole", "tree"])) == 2
    with pytest.raises(UserError, match=r"kinds=\[\]: expected at least one of tree, shapenet"):
        CreStereo(tmp_path, kinds=[])


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_tartanair_with_the_name_of_a_place_twice(tmp_path: Path, make_samples: Any, version: str) -> None:
    samples = make_samples(1)
    (name,) = TartanAir.write_fake(tmp_path, samples, version=version)
    place = name.split("_")[0]
    (tmp_path / place).rename(tmp_path / "inner")
    (tmp_path / place).mkdir()
    (tmp_path / "inner").rename(tmp_path / place / place)
    data = TartanAir(tmp_path, version=version)
    assert [pair.name for pair in data.pairs] == [name]
    np.testing.assert_allclose(data[0]["disparity"], samples[0]["disparity"], rtol=1e-6)
    (tmp_path / place / place).rename(tmp_path / place / "another")
    with pytest.raises(DataError, match="no pairs under"):
        TartanAir(tmp_path, version=version)


def test_wmgstereo_reads_both_cameras(tmp_path: Path, make_samples: Any) -> None:
    WmgStereo.write_fake(tmp_path, make_samples(1))
    data = WmgStereo(tmp_path)
    left = data.pairs[0].calibration
    assert left is not None
    right = left.parents[1] / "camera_1" / left.name.replace("_0.npz", "_1.npz")
    turn = np.array([[0, -1, 0, 5], [1, 0, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1]], np.float64)
    moved = turn @ np.array([[1, 0, 0, 0.3], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    for file, pose, x in ((left, turn, 640), (right, moved, 642)):
        np.savez(file, K=np.array([[900, 0, x], [0, 900, 360], [0, 0, 1.0]]), T=pose)
    assert data[0]["calibration"][:5] == pytest.approx((900, 0.3, 640, 360, 2))
    np.savez(right, K=np.eye(3) * 900, T=turn)
    with pytest.raises(FormatError, match=r"_0\.npz: .*baseline"):
        data[0]
    right.unlink()
    with pytest.raises(DataError, match=r"_1\.npz: no such file"):
        data[0]


@pytest.mark.parametrize(
    "arrays",
    [
        {"K": np.eye(3)},
        {"K": np.eye(4), "T": np.eye(4)},
        {"K": np.eye(3), "T": np.array([[{}]], object)},
        {"K": np.eye(3), "T": np.zeros((2000, 2000))},
        {"K": np.full((3, 3), "a"), "T": np.eye(4)},
    ],
)
def test_wmgstereo_refuses_other_cameras(tmp_path: Path, arrays: Any, make_samples: Any) -> None:
    WmgStereo.write_fake(tmp_path, make_samples(1))
    data = WmgStereo(tmp_path)
    np.savez_compressed(data.pairs[0].calibration, **arrays)  # type: ignore[arg-type]
    with pytest.raises(FormatError, match=r"camview\S+_0\.npz: ") as error:
        data[0]
    assert "\n" not in str(error.value)


def test_irs_reads_one_channel_of_any_name_and_depth(tmp_path: Path, make_samples: Any) -> None:
    openexr = pytest.importorskip("OpenEXR")
    Irs.write_fake(tmp_path, make_samples(1))
    data = Irs(tmp_path, kinds="Home")
    path = str(data.pairs[0].disparity)
    half = np.full(SIZE, 1.5, np.float16)
    half[0, :3] = np.inf, np.nan, -2
    openexr.File({}, {"Y": half}).write(path)
    expected = np.where(np.isfinite(half) & (half > 0), 1.5, 0)
    np.testing.assert_array_equal(data[0]["disparity"], expected)
    openexr.File({}, dict.fromkeys("RGB", half)).write(path)
    with pytest.raises(FormatError, match=r"d_0000\.exr: 3 channels, where a disparity map has one"):
        data[0]
    whole = Path(path).read_bytes()
    for broken in (whole[:-20], whole[:60], b"", b"v/1\x01" + bytes(40)):
        Path(path).write_bytes(broken)
        with pytest.raises(FormatError, match=r"d_0000\.exr: "):
            data[0]


def test_irs_whose_map_claims_a_billion_pixels_is_refused(tmp_path: Path, make_samples: Any) -> None:
    pytest.importorskip("OpenEXR")
    Irs.write_fake(tmp_path, make_samples(1))
    data = Irs(tmp_path)
    path = Path(str(data.pairs[0].disparity))
    content = path.read_bytes()
    window = np.array([0, 0, SIZE[1] - 1, SIZE[0] - 1], "<i4").tobytes()
    path.write_bytes(content.replace(window, np.array([0, 0, 39_999, 29_999], "<i4").tobytes()))
    with pytest.raises(FormatError, match=r"d_0000\.exr: states a size of 30000x40000"):
        data[0]


def test_irs_without_its_package_says_what_to_install(
    tmp_path: Path, make_samples: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("OpenEXR")
    Irs.write_fake(tmp_path, make_samples(1))
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(UserError, match=r"pip install 'dsmnet\[irs\]'"):
        Irs(tmp_path)[0]


@pytest.mark.parametrize("cls", [WmgStereo, Irs, TartanGround])
def test_scenes_of_rendered_sets_are_not_split(cls: Any, tmp_path: Path, make_samples: Any) -> None:
    cls.write_fake(tmp_path, make_samples(8))
    data = cls(tmp_path)
    scenes = [data._scene(pair) for pair in data.pairs]
    assert len(set(scenes)) == len(data)
    other = [pair._replace(left=pair.left.with_name("another.png")) for pair in data.pairs]
    assert [data._scene(pair) for pair in other] == scenes


@pytest.mark.parametrize("cls", [Fsd, WmgStereo, Irs, TartanGround])
def test_the_wrong_folder_is_named_with_what_was_expected(cls: Any, tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    expected = cls.tree().layouts[0].left
    message = rf"{cls.name}: no pairs under .*; expected left views as {re.escape(expected)}"
    with pytest.raises(DataError, match=message):
        cls(tmp_path)
