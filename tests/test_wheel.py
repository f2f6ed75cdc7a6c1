"""An installed wheel is enough to build and to load a network: configuration, weights, pages are inside."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
USE = """
import numpy as np
import dsmnet
from dsmnet import build_model, load_model
from dsmnet.config import config_dir
print(config_dir())
image = np.zeros((40, 60, 3), np.uint8)
assert load_model(device="cpu").predict(image, image, 32).shape == (40, 60)
from dsmnet.types import Calibration
from dsmnet.viz.cloud import build_cloud
from dsmnet.viz.cloud_page import render_cloud
wall = build_cloud(image[..., 0] + np.float32(9), image, Calibration(50, 0.1))
assert "<canvas" in render_cloud(wall, "wall")
assert build_model("tiny", norm="ibn_b").config["norm"] == "ibn_b"

import sys
from pathlib import Path
from dsmnet.cli.main import main
from dsmnet.io import write_image
for name in ("left.png", "right.png"):
    write_image(Path(name), image)
options = ["max_disparity=32", "paths.output=out", "progress=false", "device=cpu"]
sys.argv = ["dsmnet", "predict", "left=left.png", "right=right.png", *options]
main()
assert Path("out/left.pfm").is_file()
"""


def test_wheel_alone_loads_the_weights_and_runs_the_console_command(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("dsmnet-*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as file:
        file.extractall(installed)
    environment = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[0] == str(installed / "dsmnet" / "conf")
