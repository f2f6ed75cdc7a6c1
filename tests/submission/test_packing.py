"""From predicted maps to an archive: what cannot be stored, run times, what is lacking."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from dsmnet.errors import FormatError
from dsmnet.inference.record import PredictionRecord
from dsmnet.io import read_disparity, write_pfm
from dsmnet.io.pairs import PairFiles
from dsmnet.submission import lacking_pairs, pack_upload, validate_upload


@pytest.mark.parametrize("upload", ["kitti2015"], indirect=True)
def test_pack_upload_what_the_format_cannot_hold_is_cut_with_a_warning(upload, tmp_path, caplog):
    entry = upload.entries[0]
    write_pfm(tmp_path / f"{entry.pair.name}.pfm", np.full((20, 34), 300, np.float32))
    pack_upload(tmp_path / "a.zip", [entry], upload.form, tmp_path, {})
    zipfile.ZipFile(tmp_path / "a.zip").extractall(tmp_path / "out")
    assert (read_disparity(tmp_path / "out" / entry.disparity) == 65535 / 256).all()
    assert "0000_10.png: 680 pixels cut to 255.996 px" in caplog.text


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pack_upload_a_pixel_that_is_not_finite_is_a_problem_of_the_archive(upload, tmp_path, value):
    entry = upload.entries[0]
    disparity = np.full((20, 34), 5, np.float32)
    disparity[3, 4] = value
    write_pfm(tmp_path / f"{entry.pair.name}.pfm", disparity)
    seconds = {one.pair.name: 0.5 for one in upload.entries}
    pack_upload(upload.archive, upload.entries, upload.form, tmp_path, seconds)
    (problem,) = validate_upload(upload.archive, upload.form, upload.entries)
    assert problem.startswith(f"{entry.disparity}: 1 pixels")


def test_pack_upload_a_map_that_is_damaged_or_gone_is_named(upload, tmp_path):
    file = tmp_path / f"{upload.entries[-1].pair.name}.pfm"
    file.write_bytes(b"Pf")
    with pytest.raises(FormatError, match=file.name):
        pack_upload(tmp_path / "a.zip", upload.entries[-1:], upload.form, tmp_path, {})
    assert not (tmp_path / "a.zip").exists()


def test_run_time_of_a_pair_is_kept_by_the_record_over_a_resumption(tmp_path: Path):
    pair = PairFiles("a", tmp_path / "l.png", tmp_path / "r.png")
    record = PredictionRecord(tmp_path, {})
    record.add(pair, seconds=1.5, max_disparity=192)
    assert {pair.name: record.seconds(pair)} == {"a": 1.5}
    assert PredictionRecord(tmp_path, {}, resume=True).seconds(pair) == 1.5


def test_lacking_pairs_are_counted_by_split(upload):
    published = {
        "kitti2012": {"testing": 195},
        "kitti2015": {"testing": 200},
        "middlebury": {"training": 15, "test": 15},
        "eth3d": {"testing": 20},
    }[upload.name]
    expected = ", ".join(f"3 of {number} {split} pairs" for split, number in published.items())
    assert lacking_pairs(upload.datasets, {}) == expected
