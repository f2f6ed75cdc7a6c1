"""What is published: the wheel alone is enough in a fresh environment, and says the truth of itself."""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

import dsmnet

ROOT = Path(__file__).resolve().parents[1]
MOST_BYTES = 20e6
USE = """
import numpy as np
import dsmnet
from dsmnet import build_model, load_model
from dsmnet.config import config_dir
print(config_dir())
image = np.zeros((40, 60, 3), np.uint8)
result = load_model(device="cpu").match(image, image, max_disparity=32)
assert result.disparity.shape == (40, 60)
assert "<img" in result._repr_html_()
from dsmnet.types import Calibration
from dsmnet.viz.cloud import build_cloud
from dsmnet.viz.cloud_page import render_cloud
wall = build_cloud(image[..., 0] + np.float32(9), image, Calibration(50, 0.1))
assert "<canvas" in render_cloud(wall, "wall")
assert build_model("tiny", norm="ibn_b").config["norm"] == "ibn_b"

from dsmnet.io import write_image
for name in ("left.png", "right.png"):
    write_image(name, image)
"""


def run(*command: str | Path, folder: Path) -> str:
    """Run a command in a folder, without this checkout on Python's path; return what it prints."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", str(folder), folder=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("dsmnet-*.whl")
    return found


def test_wheel_alone_runs_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    """What it depends on is borrowed from this environment, whose copy of the package is not seen."""
    fresh = tmp_path / "fresh"
    venv.create(fresh, symlinks=True)
    python = fresh / "bin" / "python"
    (packages,) = fresh.glob("lib/python*/site-packages")
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "borrowed.pth").write_text("\n".join(borrowed))
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index"]
    run(*pip, wheel, folder=tmp_path)

    assert run(python, "-c", USE, folder=tmp_path).splitlines()[0] == str(packages / "dsmnet" / "conf")
    command = fresh / "bin" / "dsmnet"
    assert run(command, "--version", folder=tmp_path) == f"dsmnet {dsmnet.__version__}\n"
    options = ["max_disparity=32", "paths.output=out", "progress=false", "device=cpu"]
    run(command, "predict", "left=left.png", "right=right.png", *options, folder=tmp_path)
    assert (tmp_path / "out" / "left.pfm").is_file()


def test_wheel_is_small_and_says_what_it_is(wheel: Path) -> None:
    assert wheel.stat().st_size <= MOST_BYTES
    with zipfile.ZipFile(wheel) as file:
        (name,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        stated = email.message_from_bytes(file.read(name))
        assert "dsmnet/py.typed" in file.namelist()
    assert stated["Version"] == dsmnet.__version__
    assert stated["Author"] == "dsmnet contributors"
    page = str(stated.get_payload())
    assert page.lstrip().startswith("# dsmnet")
    assert re.findall(r"\]\((?!https?:|#)[^)]*\)|<img[^>]*", page) == []  # what a package page cannot show


def test_archive_of_the_sources_makes_the_same_wheel(dist: Path, wheel: Path, tmp_path: Path) -> None:
    (archive,) = dist.glob("dsmnet-*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path), folder=source)
    (again,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(again) as one, zipfile.ZipFile(wheel) as other:
        assert {i.filename: i.CRC for i in one.infolist()} == {i.filename: i.CRC for i in other.infolist()}


def test_twine_takes_both_files(dist: Path) -> None:
    pytest.importorskip("twine")
    checked = run(sys.executable, "-m", "twine", "check", "--strict", *dist.glob("dsmnet-*"), folder=dist)
    assert checked.count("PASSED") == 2


IMPORT = """
import sys, time
sys.path.insert(0, sys.argv[1])
start = time.perf_counter()
import dsmnet
print(time.perf_counter() - start, *(name for name in ("torch", "numpy", "hydra") if name in sys.modules))
"""


def test_import_alone_brings_nothing_heavy(tmp_path: Path) -> None:
    assert len(run(sys.executable, "-c", IMPORT, ROOT, folder=tmp_path).split()) == 1


@pytest.mark.timing
def test_import_takes_less_than_a_tenth_of_a_second(tmp_path: Path) -> None:
    said = [run(sys.executable, "-c", IMPORT, ROOT, folder=tmp_path) for _ in range(3)]
    assert min(float(line.split()[0]) for line in said) < 0.1


def test_citation_names_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == dsmnet.__version__
    assert cited["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "license", "date-released"} <= set(cited)
    released = rf"^## \[{re.escape(dsmnet.__version__)}\] - {cited['date-released']}$"
    assert re.search(released, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    cff = pytest.importorskip("cffconvert")
    cff.Citation((ROOT / "CITATION.cff").read_text(encoding="utf-8")).validate()
