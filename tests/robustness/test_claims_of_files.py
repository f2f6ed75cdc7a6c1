"""What a file claims and has not: a chunk of two gigabytes, impossible names."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from dsmnet.datasets.carla import Carla
from dsmnet.errors import FormatError
from dsmnet.io import read_calibration
from dsmnet.io.calibration import kitti_cameras
from dsmnet.io.spring_disparity import read_dsp5, write_dsp5

CALIB = "cam0=[1500 0 199; 0 1500 187; 0 0 1]\ndoffs=52\nbaseline=80\nwidth=450\nheight=375\n"


def test_dsp5_whose_chunk_claims_two_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.dsp5"
    write_dsp5(path, np.random.default_rng(0).uniform(1, 9, (40, 60)).astype(np.float32))
    with h5py.File(path) as file:
        size = file["disparity"].id.get_chunk_info(0).size
    data = path.read_bytes()
    at = data.index(size.to_bytes(4, "little") + bytes(4))  # of the chunk, then the mask of its filters
    path.write_bytes(data[:at] + (0x7FC00000).to_bytes(4, "little") + data[at + 4 :])
    with pytest.raises(FormatError, match=r"a\.dsp5.*claims to hold more"):
        read_dsp5(path)


def test_dsp5_without_its_values_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.dsp5", "w") as file:
        file.create_dataset("disparity", (6000, 8000), np.float32, chunks=(64, 64))
    with pytest.raises(FormatError, match=r"a\.dsp5.*claims to hold more"):
        read_dsp5(tmp_path / "a.dsp5")


@pytest.mark.parametrize("name", ["a" * 5000, "a\x00\x1b.png"])
def test_carla_list_with_impossible_names_is_one_short_message(tmp_path: Path, name: str) -> None:
    (tmp_path / "carla.list").write_text(f"{name} r.png 90 0.5\n")
    with pytest.raises(FormatError, match=r"carla\.list:1: .*names of files were expected") as error:
        Carla(tmp_path)
    assert len(str(error.value)) < 500
    assert str(error.value).isprintable()


def test_principal_point_of_scaled_views_keeps_its_place(tmp_path: Path) -> None:
    (tmp_path / "calib.txt").write_text(CALIB)
    found = read_calibration(tmp_path / "calib.txt", size=(187, 225))
    assert found.cx == pytest.approx(99.25)  # (199 + 0.5) / 2 - 0.5: pixel centres are whole


def test_an_entry_that_is_there_twice_is_refused_where_it_differs(tmp_path: Path) -> None:
    (tmp_path / "calib.txt").write_text(CALIB + "baseline=80\n")
    assert read_calibration(tmp_path / "calib.txt").baseline == 0.08
    (tmp_path / "calib.txt").write_text(CALIB + "baseline=90\n")
    with pytest.raises(FormatError, match="baseline is there twice"):
        read_calibration(tmp_path / "calib.txt")


def test_color_views_of_kitti_2012_have_the_cameras_of_its_data_set() -> None:
    assert kitti_cameras(Path("training/colored_0/000070_10.png")) == (0, 1)
    assert kitti_cameras(Path("training/image_2/000070_10.png")) == (2, 3)
