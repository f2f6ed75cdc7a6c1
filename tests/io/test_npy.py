"""Maps in NumPy files: types, shapes, and what is no map."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet.errors import FormatError
from dsmnet.io.npy import read_disparity_npy, write_npy

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
