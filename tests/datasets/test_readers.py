"""The contract of every data set made of files, on trees it writes of itself.

A new ``conf/dataset/*.yaml`` whose class is a `StereoDataset` is tested by being there.
"""

from __future__ import annotations

import itertools
import logging
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet.errors import DataError, UserError
from dsmnet.types import StereoSample


def test_what_was_written_is_read_back(case: Any, case_samples: Any) -> None:
    samples = case_samples(3)
    names = case.write(samples)
    written = dict(zip(names, samples, strict=True))
    layouts = dict(zip(names, itertools.cycle(case.tree.layouts), strict=False))
    data = case.open()
    assert len(data) == len(written) == 3
    for index in range(len(data)):
        found = data[index]
        given = written[found["name"]]
        assert found["dataset"] == data.name
        for view in ("left", "right"):
            case.assert_same_view(found[view], given[view])
        case.assert_same_disparity(found["disparity"], given["disparity"])
        np.testing.assert_array_equal(found["valid"], given["disparity"] > 0)
        layout = layouts[found["name"]]
        assert ("noc" in found) == (layout.noc is not None)
        if "noc" in found:
            np.testing.assert_array_equal(found["noc"], given["noc"])
        assert ("right_disparity" in found) == (layout.right_disparity is not None)
        if "right_disparity" in found:
            case.assert_same_disparity(found["right_disparity"], given["right_disparity"])
            np.testing.assert_array_equal(found["right_valid"], given["right_disparity"] > 0)
        assert ("foreground" in found) == (layout.foreground is not None)
        if "foreground" in found:
            np.testing.assert_array_equal(found["foreground"], given["foreground"])
        if layout.calibration:
            assert found["calibration"][:5] == pytest.approx(case.calibration[:5])
            assert found["calibration"].max_disparity in (case.calibration.max_disparity, None)


def test_keys_shapes_and_types_are_those_of_a_sample(case: Any, case_samples: Any) -> None:
    case.write(case_samples(1))
    sample: Any = case.open()[0]
    assert sample.keys() <= StereoSample.__annotations__.keys()
    dtypes = {"left": np.uint8, "right": np.uint8, "disparity": np.float32, "right_disparity": np.float32}
    dtypes |= dict.fromkeys(("valid", "noc", "right_valid", "foreground"), np.bool_)
    for key, dtype in dtypes.items():
        if key in sample:
            assert sample[key].dtype == dtype, key
            assert sample[key].shape == ((*case.size, 3) if key in ("left", "right") else case.size), key
            assert sample[key].flags.c_contiguous, key
            assert sample[key].flags.writeable, key
    assert (sample["disparity"] >= 0).all()
    assert (sample["disparity"][~sample["valid"]] == 0).all()
    if "noc" in sample:
        assert not (sample["noc"] & ~sample["valid"]).any()


def test_pairs_are_sorted_and_their_names_are_file_names(case: Any, case_samples: Any) -> None:
    case.write(case_samples(7))
    names = [pair.name for pair in case.open().pairs]
    assert len(names) == 7
    assert names == sorted(set(names))
    assert all(re.fullmatch(r"[\w.-]+", name) for name in names)


def test_left_overs_of_file_managers_are_no_pairs(case: Any, case_samples: Any) -> None:
    case.write(case_samples(1))
    pair = case.open().pairs[0]
    for file in (pair.left, pair.right):
        file.with_name(f"._{file.name}").write_bytes(b"\x00\x05\x16\x07")
        (file.parent.parent / ".hidden").mkdir(exist_ok=True)
        (file.parent.parent / ".hidden" / file.name).write_bytes(b"")
    assert len(case.open()) == 1


def test_a_subset_is_what_a_list_names(
    case: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, case_samples: Any
) -> None:
    names = case.write(case_samples(3))
    listed = tmp_path / "mine.txt"
    listed.write_text(f"# mine\n{names[2]}\n\n{names[0]}  # the first\nnowhere\n")
    with caplog.at_level(logging.WARNING):
        assert [pair.name for pair in case.open(subset=str(listed)).pairs] == sorted([names[0], names[2]])
    assert "1 of the 3 pairs" in caplog.text
    assert "nowhere" in caplog.text
    listed.write_text("nowhere\n")
    with pytest.raises(DataError, match=f"names nowhere; .*{names[0]}"):
        case.open(subset=str(listed))
    listed.write_text("# nothing\n")
    with pytest.raises(UserError, match="names no pair"):
        case.open(subset=str(listed))
    listed.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="is no text"):
        case.open(subset=str(listed))
    with pytest.raises(UserError, match="subset=not_there: no such file"):
        case.open(subset="not_there")


def test_a_set_says_where_it_comes_from(case: Any) -> None:
    about = case.cls.about
    assert about.home.startswith("https://")
    assert about.licence
    assert re.search(r"(19|20)\d\d", about.paper)


@pytest.mark.parametrize(("count", "validation"), [(2, 1), (5, 1), (6, 2), (11, 3)])
def test_every_fifth_pair_is_held_back(case: Any, count: int, validation: int, case_samples: Any) -> None:
    case.write(case_samples(count))
    data = case.open()
    train, held_back = data.split_validation()
    names = [[part[index]["name"] for index in range(len(part))] for part in (train, held_back)]
    assert len(names[1]) == validation
    assert names[1] == [pair.name for pair in data.pairs][::5]
    assert sorted(names[0] + names[1]) == [pair.name for pair in data.pairs]
    assert train.name == held_back.name == data.name


def test_a_single_pair_serves_as_both(case: Any, caplog: pytest.LogCaptureFixture, case_samples: Any) -> None:
    case.write(case_samples(1))
    train, held_back = case.open().split_validation()
    assert len(train) == len(held_back) == 1
    assert "one pair only" in caplog.text


def test_data_sets_travel_to_worker_processes(case: Any, case_samples: Any) -> None:
    case.write(case_samples(2))
    data = case.open()
    copy = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(copy[1]["disparity"], data[1]["disparity"])
