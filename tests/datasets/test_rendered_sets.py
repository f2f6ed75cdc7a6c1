"""CARLA, Virtual KITTI 2, TartanAir, Falling Things, CREStereo: lists, cameras, options."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet.datasets.carla import Carla
from dsmnet.datasets.carla_highres import CarlaHighRes
from dsmnet.datasets.crestereo import CreStereo
from dsmnet.datasets.falling_things import FallingThings
from dsmnet.datasets.tartanair import TartanAir
from dsmnet.datasets.vkitti2 import VirtualKitti2
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
