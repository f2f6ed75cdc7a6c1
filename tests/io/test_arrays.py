"""Maps in NumPy files and in Spring's HDF5: types, shapes, damage, and h5py where it is missing."""

from __future__ import annotations

import builtins
import io
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dsmnet.errors import DataError, FormatError, UserError
from dsmnet.io.npy import read_disparity_npy, write_npy
from dsmnet.io.spring_disparity import read_dsp5, write_dsp5

KNOWN = np.array([[1.5, 0, 80.25], [0, 3, 0.125]], np.float32)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_npy_of_any_float_type(tmp_path: Path, dtype: Any) -> None:
    np.save(tmp_path / "a.npy", np.array([[1.5, np.nan, 80.25], [-1, 3, np.inf]], dtype))
    read = read_disparity_npy(tmp_path / "a.npy")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, [[1.5, 0, 80.25], [0, 3, 0]])


def test_npy_of_whole_numbers_of_columns_and_of_one_row(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.asfortranarray(np.array([[1, 2, 0], [0, 4, 5]], np.uint16)))
    np.testing.assert_array_equal(read_disparity_npy(tmp_path / "a.npy"), [[1, 2, 0], [0, 4, 5]])
    np.save(tmp_path / "row.npy", np.ones((1, 4)))
    assert read_disparity_npy(tmp_path / "row.npy").shape == (1, 4)
    np.save(tmp_path / "axes.npy", np.ones((1, 2, 4, 1)))
    assert read_disparity_npy(tmp_path / "axes.npy").shape == (2, 4)


def test_npy_there_and_back(tmp_path: Path) -> None:
    write_npy(tmp_path / "new" / "a.npy", KNOWN)
    np.testing.assert_array_equal(read_disparity_npy(tmp_path / "new" / "a.npy"), KNOWN)


def npy_bytes(array: Any) -> bytes:

    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a whole"),
        (b"PK\x03\x04 an archive", "not a whole"),
        (npy_bytes(KNOWN)[:60], "not a whole"),  # ends in the header
        (npy_bytes(KNOWN)[:-1], "not a whole"),  # ends in the values
        (npy_bytes(KNOWN).replace(b"'<f4'", b"'<f4 "), "not a whole"),
        (npy_bytes(np.array([[{}]], object)), "not a whole"),  # pickled: could run code
        (npy_bytes(np.ones((2, 3, 4))), r"expected, not float64 \[2, 3, 4\]"),
        (npy_bytes(KNOWN)[:7], "not a whole"),  # ends in the mark
        (npy_bytes(KNOWN)[:-9], "not a whole"),
        (npy_bytes(np.ones(5)), r"expected, not float64 \[5\]"),
        (npy_bytes(np.ones((0, 3))), r"expected, not float64 \[0, 3\]"),
        (npy_bytes(np.ones((2, 3), complex)), "expected, not complex128"),
        (npy_bytes(-np.ones((2, 3))), "all disparities are negative"),
    ],
)
def test_a_broken_npy_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=f"{re.escape(str(path))}: .*{message}"):
        read_disparity_npy(path)


def test_dsp5_takes_the_upper_left_of_four_values_as_they_are(tmp_path: Path) -> None:
    stored = np.arange(1, 25, dtype=np.float32).reshape(4, 6)
    stored[0, 2], stored[2, 0] = np.nan, np.inf
    with h5py.File(tmp_path / "a.dsp5", "w") as file:
        file["disparity"] = stored
    read = read_dsp5(tmp_path / "a.dsp5")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, [[1, 0, 5], [0, 15, 17]])  # not halved: pixels of the view


def test_dsp5_there_and_back(tmp_path: Path) -> None:
    write_dsp5(tmp_path / "new" / "a.dsp5", KNOWN)
    np.testing.assert_array_equal(read_dsp5(tmp_path / "new" / "a.dsp5"), KNOWN)
    with h5py.File(tmp_path / "new" / "a.dsp5") as file:
        stored = file["disparity"][()]
    assert stored.shape == (4, 6)
    np.testing.assert_array_equal(stored[:2, :2], np.full((2, 2), 1.5))
    assert np.isnan(stored[2:, :2]).all()


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        ("flow", np.ones((4, 6)), "without the entry 'disparity'"),
        ("disparity", np.ones((4, 5)), r"twice the size of the views, were expected, not float64 \[4, 5\]"),
        ("disparity", np.ones((4, 6, 2)), r"not float64 \[4, 6, 2\]"),
        ("disparity", np.ones((4, 6), np.int32), "not int32"),
        ("disparity", -np.ones((4, 6)), "all disparities are negative"),
    ],
)
def test_a_dsp5_of_something_else_is_named(tmp_path: Path, key: str, values: Any, message: str) -> None:
    path = tmp_path / "a.dsp5"
    with h5py.File(path, "w") as file:
        file[key] = values
    with pytest.raises(FormatError, match=f"{re.escape(str(path))}: .*{message}"):
        read_dsp5(path)


def test_a_dsp5_group_a_cut_file_and_none_at_all_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.dsp5"
    with h5py.File(path, "w") as file:
        file.create_group("disparity")
    with pytest.raises(FormatError, match="without the entry 'disparity'"):
        read_dsp5(path)
    write_dsp5(path, np.random.default_rng(0).uniform(1, 9, (40, 60)))
    whole = path.read_bytes()
    for size in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(FormatError, match=re.escape(str(path))):
            read_dsp5(path)
    with pytest.raises(DataError, match="no such file"):
        read_dsp5(tmp_path / "gone.dsp5")


def test_damage_within_a_dsp5_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.dsp5"
    write_dsp5(path, np.random.default_rng(0).uniform(1, 9, (40, 60)))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 64] = bytes(64)
    path.write_bytes(bytes(data))
    with pytest.raises(FormatError, match=re.escape(str(path))):
        read_dsp5(path)


def test_without_h5py_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "h5py":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"need h5py.*pip install 'dsmnet\[spring\]'"):
        read_dsp5(tmp_path / "a.dsp5")
    with pytest.raises(UserError, match="need h5py"):
        write_dsp5(tmp_path / "a.dsp5", KNOWN)
