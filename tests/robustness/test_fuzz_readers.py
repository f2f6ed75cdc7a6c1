"""Broken files of every format: one line that names the file, or a value that makes sense."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.memory import peak, reset_peak
from dsmnet.config import instantiate
from dsmnet.errors import DataError, UserError
from dsmnet.io import (
    read_calibration,
    read_image,
    write_calibration,
    write_disparity_pfm,
    write_disparity_png16,
    write_image,
    write_kitti_calibration,
)
from dsmnet.io.argoverse_calibration import read_argoverse_calibration, write_argoverse_calibration
from dsmnet.io.decoding import LARGEST_DISPARITY
from dsmnet.io.disparity_file import read_map
from dsmnet.io.npy import write_npy
from dsmnet.io.video import Video
from dsmnet.types import Calibration
from tests.datasets.conftest import CALIBRATION, NAMES, SIZE, Case, make_samples
from tests.robustness.mutate import mutate


@pytest.fixture(scope="module", autouse=True)
def held_before() -> float:
    """MiB that the process holds before the first reader, whatever earlier tests have held."""
    reset_peak(on_gpu=False)
    return peak(on_gpu=False)


SECONDS = 5.0  # of processor time that a broken file may take


def check_message(error: UserError, path: Path) -> None:
    text = str(error)
    assert len(text) < 500 + len(str(path))
    assert text.isprintable(), ascii(text)


def check_map(values: np.ndarray) -> None:
    assert np.isfinite(values).all()
    assert 0 <= values.min() <= values.max() <= LARGEST_DISPARITY


def check_calibration(found: Calibration) -> None:
    assert all(value is None or np.isfinite(value) for value in found)
    assert found.focal is None or found.focal > 0
    assert found.baseline is None or found.baseline > 0
    assert found.max_disparity is None or 0 < found.max_disparity <= 2**16


def check_sample(sample: Any) -> None:
    for key in ("disparity", "right_disparity"):
        if key in sample:
            check_map(sample[key])
    if "calibration" in sample:
        check_calibration(sample["calibration"])


def fuzz(path: Path, read: Callable[[], Any], check: Callable[[Any], None], count: int, seed: int) -> int:
    """Break a file `count` times; return how often it was refused."""
    whole, refused, rng = path.read_bytes(), 0, np.random.default_rng([seed, *path.name.encode()])
    try:
        for number in range(count):
            path.write_bytes(mutate(whole, rng))
            start = time.process_time()
            try:
                check(read())
            except UserError as error:
                refused += 1
                check_message(error, path)
            except AssertionError as error:
                raise AssertionError(f"{path.name}, input {number}: {error}") from None
            assert time.process_time() - start < SECONDS, number
    finally:
        path.write_bytes(whole)
    return refused


@pytest.mark.parametrize("name", NAMES)
def test_data_set_with_a_broken_file_is_one_line_or_plausible(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every codec of the package, as its data set uses it."""
    for needs, package in (("spring", "h5py"), ("irs", "OpenEXR")):
        if name == needs:
            pytest.importorskip(package)
    case = Case(name, tmp_path)
    samples = make_samples(2)
    if ".pgm" in case.suffixes:
        for sample in samples:
            for view in ("left", "right"):
                sample[view] = sample[view][..., :1].repeat(3, axis=2)
    case.write(samples)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    count = max(1, int(request.config.getoption("--fuzz")) * 6 // 10 // len(NAMES) // len(files))

    def read() -> Any:
        return instantiate(case.node)[0]

    check_sample(read())
    for index, path in enumerate(files):
        fuzz(path, read, check_sample, count, index)


def write_seed(kind: str, folder: Path) -> tuple[Path, Callable[[Path], Any], Callable[[Any], None]]:
    """A small file of a kind, what reads it, and what its value has to be."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*SIZE, 3), np.uint8)
    disparity = rng.uniform(1, 50, SIZE).astype(np.float32)
    bounded = CALIBRATION._replace(max_disparity=48)
    path = folder / f"seed.{kind.split('_')[0]}"
    if kind in ("png", "png_16", "jpg", "webp", "ppm"):
        write_image(path, image.astype(np.uint16) << 2 if kind == "png_16" else image)
        return path, read_image, lambda found: check_map(found.astype(np.float32))
    maps = {"pfm": write_disparity_pfm, "png_map": write_disparity_png16, "npy": write_npy}
    if kind in maps:
        maps[kind](path, disparity)
        return path, read_map, check_map
    if kind == "txt_middlebury":
        write_calibration(path, bounded, SIZE)
        return path, lambda p: read_calibration(p, size=(SIZE[0] * 2, SIZE[1] * 2)), check_calibration
    if kind == "txt_kitti":
        write_kitti_calibration(path, bounded)
        return path, read_calibration, check_calibration
    if kind == "json":
        write_argoverse_calibration(path, bounded, SIZE)
        return path, read_argoverse_calibration, check_calibration
    assert kind == "avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (96, 64))
    for _ in range(4):
        writer.write(rng.integers(0, 256, (64, 96, 3), np.uint8))
    writer.release()
    return path, read_video, lambda frames: check_map(np.array([frames], np.float32))


def read_video(path: Path) -> int:
    video = Video(path, "left")
    video.frame(1)
    return video.frames


KINDS = ["png", "png_16", "jpg", "webp", "ppm", "pfm", "png_map", "npy"]
KINDS += ["txt_middlebury", "txt_kitti", "json", "avi"]


@pytest.mark.parametrize("kind", KINDS)
def test_broken_file_is_one_line_or_plausible(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path, read, check = write_seed(kind, tmp_path)
    check(read(path))
    count = max(1, int(request.config.getoption("--fuzz")) * 15 // 100 // len(KINDS))
    refused = fuzz(path, lambda: read(path), check, count, 0)
    assert refused > 0


def test_no_reader_takes_a_gigabyte(held_before: float) -> None:
    """After the readers: the most that the process has held since the first of them."""
    assert peak(on_gpu=False) - held_before < 1024  # MiB


# --- what was found, with its smallest inputs --------------------------------------------------------------


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def npy(header: bytes, body: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body


CAM = "cam0=[700 0 300; 0 700 200; 0 0 1]\ncam1=[700 0 330; 0 700 200; 0 0 1]\n"
BROKEN: dict[str, tuple[str, bytes]] = {
    "png of 1e11 pixels": ("a.png", png(400_000, 300_000)),
    "pgm of 5,000 digits": ("a.pgm", b"P5 " + b"9" * 5000 + b" 1 255\n\x00"),
    "pfm of 5,000 digits": ("a.pfm", b"Pf\n" + b"9" * 5000 + b" 1\n-1.0\n"),
    "npy of a huge shape": (
        "a.npy",
        npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 9)}\n"),
    ),
    "npy of no token": ("a.npy", npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, (((")),
    "npy nested": ("a.npy", npy(b"[" * 900)),
    "json nested": ("a.json", b"[" * 100_000),
    "json of a huge number": ("a.json", b'{"camera_data_": ' + b"9" * 5000 + b"}"),
    "ndisp of 1e999": ("a.txt", f"{CAM}baseline=100\nndisp=1e999\n".encode()),
    "ndisp of 1e12": ("a.txt", f"{CAM}baseline=100\nndisp=1e12\n".encode()),
    "ndisp empty": ("a.txt", f"{CAM}ndisp=\nbaseline=100\n".encode()),
    "doffs empty": ("a.txt", f"{CAM}doffs=\nbaseline=540\n".encode()),
    "focal of 0": ("a.txt", CAM.replace("[700", "[0").encode()),
    "focal negative": ("a.txt", CAM.replace("[700", "[-700").encode()),
    "focal infinite": ("a.txt", CAM.replace("[700", "[1e999").encode()),
    "principal point infinite": ("a.txt", CAM.replace("300;", "1e999;").encode()),
    "baseline nan": ("a.txt", f"{CAM}baseline=nan\n".encode()),
    "baseline negative": ("a.txt", f"{CAM}baseline=-100\n".encode()),
    "baseline in metres": ("a.txt", f"{CAM}baseline=0.176\n".encode()),
    "kitti singular": ("a.txt", b"P2: 1 0 1 0 0 1 0 0 1 0 1 0\nP3: 1 0 1 -5 0 1 0 0 1 0 1 0\n"),
    "kitti swapped": (
        "a.txt",
        b"P2: 700 0 300 -400 0 700 200 0 0 0 1 0\nP3: 700 0 300 0 0 700 200 0 0 0 1 0\n",
    ),
    "tiff of floats called png": (
        "a.png",
        cv2.imencode(".tiff", np.full((8, 8), np.nan, np.float32))[1].tobytes(),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_found_file_is_refused_in_one_short_line(name: str, tmp_path: Path) -> None:
    file, content = BROKEN[name]
    path = tmp_path / file
    path.write_bytes(content)
    readers = {".txt": read_calibration, ".json": read_argoverse_calibration}
    with pytest.raises(DataError) as refused:
        readers.get(path.suffix, read_map)(path)  # type: ignore[operator]
    assert str(path) in str(refused.value)
    check_message(refused.value, path)


def test_baseline_in_metres_is_told_how_to_mend(tmp_path: Path) -> None:
    (tmp_path / "calib.txt").write_text(f"{CAM}baseline=0.176\n")
    with pytest.raises(DataError, match=r"0\.176 m is baseline=176"):
        read_calibration(tmp_path / "calib.txt")


def test_calibration_without_the_second_camera_says_that_doffs_is_taken_as_0(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "calib.txt").write_text(CAM.splitlines()[0] + "\nbaseline=100\n")
    assert read_calibration(tmp_path / "calib.txt").doffs == 0
    assert "neither doffs nor cam1" in caplog.text


def test_values_beyond_every_disparity_are_unknown(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[1e300, 5.0], [np.inf, 1e9]]))
    np.testing.assert_array_equal(read_map(tmp_path / "a.npy"), [[0, 5], [0, 0]])


def test_video_that_claims_billions_of_frames_is_counted(tmp_path: Path) -> None:
    path, *_ = write_seed("avi", tmp_path)
    data = bytearray(path.read_bytes())
    for name, offset in ((b"avih", 24), (b"strh", 40)):  # of dwTotalFrames and dwLength
        at = data.index(name) + offset
        data[at : at + 4] = (2_700_000_000).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    assert Video(path, "left").frames == 4


def test_hdf5_that_leads_to_another_file_is_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    from dsmnet.io.spring_disparity import read_dsp5

    with h5py.File(tmp_path / "other.dsp5", "w") as file:
        file["disparity"] = np.ones((4, 4), np.float32)
    with h5py.File(tmp_path / "link.dsp5", "w") as file:
        file["disparity"] = h5py.ExternalLink(str(tmp_path / "other.dsp5"), "disparity")
    (tmp_path / "raw").write_bytes(np.ones(16, np.float32).tobytes())
    with h5py.File(tmp_path / "external.dsp5", "w") as file:
        file.create_dataset("disparity", (4, 4), np.float32, external=[(str(tmp_path / "raw"), 0, 64)])
    for name in ("link", "external"):
        with pytest.raises(DataError, match="without the entry 'disparity' in the file itself"):
            read_dsp5(tmp_path / f"{name}.dsp5")
