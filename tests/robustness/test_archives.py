"""Strangers' upload archives: bombs, crowds of files, odd entries and broken directories."""

from __future__ import annotations

import stat
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest

from dsmnet.datasets.eth3d import Eth3d
from dsmnet.datasets.kitti import Kitti2012
from dsmnet.errors import DataError, UserError
from dsmnet.submission import UploadEntry, UploadForm, method_of, upload_entries, validate_upload
from dsmnet.types import StereoSample

NAMES = [f"{i:04d}_10.png" for i in range(3)]
KITTI = UploadForm("{name}.png", "png16")
MIDDLEBURY = UploadForm("{split}Q/{name}/disp0{method}.pfm", "pfm", "{split}Q/{name}/time{method}.txt")
MAP = cv2.imencode(".png", np.full((20, 34), 512, np.uint16))[1].tobytes()


class Job(NamedTuple):
    """What the archive is checked against, and where it lies."""

    form: UploadForm
    entries: list[UploadEntry]
    archive: Path

    def problems(self) -> list[str]:
        return validate_upload(self.archive, self.form, self.entries)

    def write(self, *more: tuple[str | zipfile.ZipInfo, bytes], skip: str = "", method: int = 8) -> None:
        """Write a good upload without one of its files, and with others."""
        with zipfile.ZipFile(self.archive, "w", method) as content:
            for name in NAMES:
                if name != skip:
                    content.writestr(name, MAP)
            for entry, data in more:
                content.writestr(entry, data, compress_type=method)

    def patch(self, change: Callable[[bytearray], None]) -> None:
        data = bytearray(self.archive.read_bytes())
        change(data)
        self.archive.write_bytes(data)


def pairs() -> list[StereoSample]:
    views = np.random.default_rng(0).integers(0, 256, (3, 2, 20, 34, 3), np.uint8)
    return [{"left": left, "right": right, "name": "", "dataset": ""} for left, right in views]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    Kitti2012.write_fake(tmp_path / "data", pairs(), split="testing")
    dataset = Kitti2012(tmp_path / "data", split="testing", require_ground_truth=False)
    entries = upload_entries(KITTI, {"testing": dataset}, "m")
    made = Job(KITTI, entries, tmp_path / "upload.zip")
    made.write()
    assert made.problems() == []
    return made


def peak(action: Callable[[], Any]) -> tuple[Any, int]:
    """Return what an action returns, and how many bytes of Python's it held at most."""
    tracemalloc.start()
    try:
        return action(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def entry_of(data: bytes, name: str) -> int:
    """Return where the directory of an archive holds the entry of a file."""
    return data.rindex(b"PK\x01\x02", 0, data.rindex(name.encode()))


def set_number(name: str, place: int, value: int, size: int = 4) -> Callable[[bytearray], None]:
    """Return a change of one number of a file's entry in the directory."""

    def change(data: bytearray) -> None:
        at = entry_of(data, name) + place
        data[at : at + size] = value.to_bytes(size, "little")

    return change


@pytest.mark.parametrize("stated", ["as it is", "as a good map"])
def test_a_bomb_is_not_unpacked(job: Job, stated: str) -> None:
    size = 30_000_000
    job.write((NAMES[0], bytes(size)), skip=NAMES[0])
    if stated != "as it is":
        job.patch(set_number(NAMES[0], 24, len(MAP)))
    (problem,), held = peak(job.problems)
    most = 20 * 34 * 16 + (1 << 16)
    reason = f"{size} bytes, where at most {most}" if stated == "as it is" else f"unpacks to more than {most}"
    assert problem.startswith(f"{NAMES[0]}: {reason}")
    assert held < 2_000_000


def test_a_bomb_in_the_place_of_a_time_is_not_unpacked(tmp_path: Path) -> None:
    Eth3d.write_fake(tmp_path / "data", pairs(), split="testing")
    dataset = Eth3d(tmp_path / "data", split="testing", require_ground_truth=False)
    form = UploadForm("low_res_two_view/{name}.pfm", "pfm", "low_res_two_view/{name}.txt")
    entries = upload_entries(form, {"testing": dataset}, "m")
    with zipfile.ZipFile(tmp_path / "upload.zip", "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr("low_res_two_view/0000.txt", b"runtime 1" + bytes(50_000_000))
    problems, held = peak(lambda: validate_upload(tmp_path / "upload.zip", form, entries))
    assert "low_res_two_view/0000.txt: 50000009 bytes, where at most 65536 were expected" in problems
    assert held < 2_000_000


def test_a_wrong_size_that_is_stated_is_a_problem(job: Job) -> None:
    for size in (len(MAP) - 1, len(MAP) + 1):
        job.write()
        job.patch(set_number(NAMES[1], 24, size))
        reason = f"unpacks to {len(MAP)} bytes, where the archive states {size}"
        assert job.problems() == [f"{NAMES[1]}: {reason}"]


def test_a_map_whose_header_claims_a_huge_image_is_not_decoded(job: Job) -> None:
    claims = MAP[:16] + (30_000).to_bytes(4, "big") * 2 + MAP[24:]
    job.write((NAMES[2], claims), skip=NAMES[2])
    (problem,), held = peak(job.problems)
    assert problem == f"{NAMES[2]}: size 30000x30000, expected 34x20 as the left view (width x height)"
    assert held < 2_000_000


def test_an_archive_of_too_many_files_is_refused_unread(job: Job) -> None:
    with zipfile.ZipFile(job.archive, "w") as content:
        for number in range(25_000):
            content.writestr(str(number), b"")
    for action in (job.problems, lambda: method_of(job.archive, job.form)):
        with pytest.raises(DataError, match=r"upload\.zip: not a whole zip file \(the list of its files has"):
            action()


def unix(name: str, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (kind | 0o644) << 16
    return info


def test_links_and_devices_are_no_files(job: Job) -> None:
    for kind in (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO):
        job.write((unix(NAMES[0], kind), b"/etc/passwd"), skip=NAMES[0])
        assert job.problems() == [f"{NAMES[0]}: a link or device; expected a plain file"]
    job.write((unix(NAMES[0], stat.S_IFREG), MAP), skip=NAMES[0])
    assert job.problems() == []


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../../x.png", "C:\\x.png", "nested.zip", "a/../0000_10.png"]
)
def test_files_that_lead_elsewhere_are_unexpected(job: Job, name: str) -> None:
    job.write((name, MAP))
    assert job.problems() == [f"{name}: unexpected file"]


def test_strange_names_are_shown_in_one_short_line(job: Job) -> None:
    job.write(("\x1b[2Jgone\n0000_10.png: fine", b""), ("x" * 60_000, b""))
    first, second = job.problems()
    assert first == r"\x1b[2Jgone\n0000_10.png: fine: unexpected file"
    assert len(second) < 200


def test_a_folder_with_content_is_unexpected(job: Job) -> None:
    job.write(("folder/", b""))
    assert job.problems() == []
    job.write(("folder/", b"hidden"))
    assert job.problems() == ["folder/: unexpected file"]


def test_encrypted_files_are_named(job: Job) -> None:
    job.patch(set_number(NAMES[0], 8, 1, size=2))
    assert job.problems() == [f"{NAMES[0]}: encrypted; expected a plain file"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_that_benchmarks_may_not_know_are_named(job: Job, method: int) -> None:
    job.write(method=method)
    reason = f"compressed by method {method}; expected it deflated or stored"
    assert job.problems() == [f"{name}: {reason}" for name in NAMES]


def test_files_that_share_their_bytes_are_named(job: Job) -> None:
    """The second entry of the directory points at the first one's content."""
    job.patch(set_number(NAMES[1], 42, 0))
    reason = "shares its bytes with another file of the archive"
    assert job.problems() == [f"{name}: {reason}" for name in NAMES[:2]]


def test_a_method_is_a_name_that_files_may_have(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "upload.zip", "w") as content:
        content.writestr("trainingQ/Piano/disp0\x1b[2J.pfm", b"")
    assert method_of(tmp_path / "upload.zip", MIDDLEBURY) is None
    with zipfile.ZipFile(tmp_path / "upload.zip", "w") as content:
        for number in range(500):
            content.writestr(f"trainingQ/Piano/disp0M{number}.pfm", b"")
    with pytest.raises(UserError, match=r"results of several methods.*and 480 more") as error:
        method_of(tmp_path / "upload.zip", MIDDLEBURY)
    assert len(str(error.value)) < 500


def test_what_is_no_file_is_refused(job: Job) -> None:
    for path in (job.archive.parent, Path("/dev/zero"), job.archive.parent / "gone.zip"):
        with pytest.raises(DataError, match="no such file"):
            validate_upload(path, job.form, job.entries)


def test_damaged_archives_are_told_in_short_lines(job: Job) -> None:
    """Cuts and flipped bytes, most of them in the directory."""
    whole, rng = job.archive.read_bytes(), np.random.default_rng(0)
    directory = whole.index(b"PK\x01\x02")
    for turn in range(600):
        data = bytearray(whole[: rng.integers(0, len(whole))] if turn % 10 == 0 else whole)
        for _ in range(rng.integers(1, 4)):
            start = directory if turn % 3 else 0
            if len(data) > start:
                data[rng.integers(start, len(data))] = rng.integers(0, 256)
        job.archive.write_bytes(data)
        try:
            lines = job.problems()
        except DataError as error:
            lines = [str(error)]
        assert all(len(line) < 500 and "\n" not in line for line in lines), turn
