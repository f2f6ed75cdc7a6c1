"""The page of an evaluation on scenes of the generator, beside StereoSGBM."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from browser import screenshot

SCENES = "eval=synthetic eval.sets.synthetic.images=6"
OPTIONS = f"{SCENES} html=true baseline=sgbm paths.output=outputs/report progress=false"
ROOT = Path(__file__).resolve().parents[2]


def draw(path: Path) -> None:
    """Evaluate, and write how the page begins."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "tools").symlink_to(ROOT / "tools")  # the page states the command
        command = [sys.executable, "tools/evaluate.py", *OPTIONS.split()]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        screenshot(Path(folder, "outputs", "report", "results.html"), path, 880, 1170)
