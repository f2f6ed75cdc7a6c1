"""Archives with one mistake each."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from dsmnet.errors import DataError
from dsmnet.io import write_pfm
from dsmnet.submission import validate_upload

Change = Callable[[bytes], bytes]


def test_a_good_archive_has_no_problems(upload):  # type: ignore[no-untyped-def]
    assert validate_upload(upload.archive, upload.form, upload.entries) == []
    upload.rewrite({"empty/": b"", **upload.contents()})  # folders are no files
    assert validate_upload(upload.archive, upload.form, upload.entries) == []


def problems_of(upload, contents) -> list[str]:  # type: ignore[no-untyped-def]
    upload.rewrite(contents)
    return validate_upload(upload.archive, upload.form, upload.entries)


def test_missing_and_extra_files(upload):  # type: ignore[no-untyped-def]
    contents = upload.contents()
    name = next(iter(contents))
    data = contents.pop(name)
    assert problems_of(upload, contents) == [f"{name}: missing"]
    contents[name] = data
    assert problems_of(upload, {**contents, "readme.txt": b"hello"}) == ["readme.txt: unexpected file"]


def test_a_folder_around_everything_is_seen(upload):  # type: ignore[no-untyped-def]
    found = problems_of(upload, {f"mine/{name}": data for name, data in upload.contents().items()})
    assert found[-1].startswith("mine/: everything lies in this folder")
    assert sum(problem.endswith(": missing") for problem in found) == len(upload.contents())


def png(values: np.ndarray) -> bytes:
    return cv2.imencode(".png", values)[1].tobytes()


def stored(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def with_hole(data: bytes) -> bytes:
    values = stored(data)
    values[3, 4] = 0
    return png(values)


PNG_MISTAKES: dict[str, tuple[Change, str]] = {
    "8 bits": (
        lambda data: png((stored(data) // 256).astype(np.uint8)),
        "a PNG of 8 bits and one channel; expected 16 bits and one channel",
    ),
    "three channels": (
        lambda data: png(np.repeat(stored(data)[..., None], 3, 2)),
        "a PNG of 16 bits and three channels; expected",
    ),
    "size": (lambda data: png(stored(data)[:-1]), "size 34x19, expected 34x20 as the left view"),
    "hole": (with_hole, "1 pixels have no disparity"),
    "truncated": (lambda data: data[:-30], "truncated, the image ends after"),
    "other format": (lambda data: b"Pf\n" + data, "no PNG image"),
    "empty": (lambda data: b"", "no PNG image"),
}


@pytest.mark.parametrize("mistake", PNG_MISTAKES)
@pytest.mark.parametrize("upload", ["kitti2012", "kitti2015"], indirect=True)
def test_wrong_images(upload, mistake: str):  # type: ignore[no-untyped-def]
    change, reason = PNG_MISTAKES[mistake]
    assert_one_problem(upload, upload.entries[0].disparity, change, reason)


HEADER = b"Pf\n34 20\n-1.0\n"


def with_value(value: float) -> Change:
    def change(data: bytes) -> bytes:
        values = np.frombuffer(data[len(HEADER) :], "<f4").copy()
        values[7] = value
        return HEADER + values.tobytes()

    return change


PFM_MISTAKES: dict[str, tuple[Change, str]] = {
    "nan": (with_value(np.nan), "1 pixels are nan or infinite"),
    "unknown": (with_value(np.inf), "1 pixels are nan or infinite"),
    "negative": (with_value(-2), "1 pixels have no disparity (0 or less)"),
    "zero": (with_value(0), "1 pixels have no disparity (0 or less)"),
    "truncated": (lambda data: data[:-4], "truncated, 2716 bytes of pixels where (20, 34) needs 2720"),
    "size": (
        lambda data: HEADER.replace(b"20", b"19") + data[len(HEADER) + 4 * 34 :],
        "size 34x19, expected 34x20",
    ),
    "byte order": (lambda data: HEADER.replace(b"-1.0", b"1.0") + data[len(HEADER) :], "a big-endian PFM"),
    "color": (lambda data: HEADER.replace(b"Pf", b"PF") + 3 * data[len(HEADER) :], "three channels"),
    "image": (lambda data: png(np.zeros((20, 34), np.uint16)), "not a PFM file"),
}


@pytest.mark.parametrize("mistake", PFM_MISTAKES)
@pytest.mark.parametrize("upload", ["middlebury", "eth3d"], indirect=True)
def test_wrong_maps(upload, mistake: str):  # type: ignore[no-untyped-def]
    change, reason = PFM_MISTAKES[mistake]
    assert_one_problem(upload, upload.entries[0].disparity, change, reason)


@pytest.mark.parametrize("text", ["-1.5", "0", "nan", "inf", "fast", "", "1.5 s", "1.5\n1.6"])
@pytest.mark.parametrize("upload", ["middlebury", "eth3d"], indirect=True)
def test_wrong_times(upload, text: str):  # type: ignore[no-untyped-def]
    line = "runtime " + text if upload.name == "eth3d" else text
    assert_one_problem(upload, upload.entries[0].time, lambda data: line.encode(), "a positive number")


@pytest.mark.parametrize("upload", ["eth3d"], indirect=True)
def test_eth3d_wants_the_word(upload):  # type: ignore[no-untyped-def]
    assert_one_problem(upload, upload.entries[0].time, lambda data: b"1.5", "'runtime SECONDS'")


def assert_one_problem(upload, name: str, change: Change, reason: str) -> None:  # type: ignore[no-untyped-def]
    contents = upload.contents()
    (problem,) = problems_of(upload, {**contents, name: change(contents[name])})
    assert problem.startswith(f"{name}: ")
    assert reason in problem
    assert problem.count(name) == 1


@pytest.mark.parametrize("upload", ["kitti2015"], indirect=True)
def test_damaged_archives(upload, tmp_path):  # type: ignore[no-untyped-def]
    whole = upload.archive.read_bytes()
    upload.archive.write_bytes(whole[:-40])
    with pytest.raises(DataError, match=r"Ramp\.zip: not a whole zip file"):
        validate_upload(upload.archive, upload.form, upload.entries)
    with pytest.raises(DataError, match=r"gone\.zip: no such file"):
        validate_upload(tmp_path / "gone.zip", upload.form, upload.entries)
    damaged = bytearray(whole)
    damaged[60] ^= 255  # within the first file
    upload.archive.write_bytes(damaged)
    (problem,) = validate_upload(upload.archive, upload.form, upload.entries)
    assert problem.startswith("disp_0/0000_10.png: cannot be read from the archive")


@pytest.mark.parametrize("upload", ["kitti2012"], indirect=True)
def test_a_file_that_is_there_twice(upload):  # type: ignore[no-untyped-def]
    import zipfile

    with zipfile.ZipFile(upload.archive, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("0000_10.png", upload.contents()["0000_10.png"])
    assert validate_upload(upload.archive, upload.form, upload.entries) == [
        "0000_10.png: 2 times in the archive"
    ]


def test_maps_of_other_writers_pass(upload, tmp_path):  # type: ignore[no-untyped-def]
    """The validator reads what the formats allow, not only what this project writes."""
    contents = upload.contents()
    name = upload.entries[0].disparity
    if upload.form.maps == "pfm":
        write_pfm(tmp_path / "a.pfm", np.full((20, 34), 1000.5))
        contents[name] = (tmp_path / "a.pfm").read_bytes().replace(b"-1.0\n", b"-0.003922\n")
        contents[upload.entries[0].time] = (b"runtime " if upload.name == "eth3d" else b"") + b"1e-3\r\n"
    else:
        contents[name] = cv2.imencode(
            ".png", np.full((20, 34), 65535, np.uint16), [cv2.IMWRITE_PNG_COMPRESSION, 9]
        )[1].tobytes()
    assert problems_of(upload, contents) == []
