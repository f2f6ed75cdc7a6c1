"""Draw pictures of README and docs anew: python docs/make_pictures.py [NAME ...], else all that are stale.

One is stale when the weights, numbers or code that it is made of have changed; docs/images/pictures.json has
their sums. Pages (cloud.png, report.png) are drawn by Chromium. Not in it: demo.jpg, a page in use;
scaling.png, whose points were not recorded.
"""

from __future__ import annotations

import hashlib
import json
import runpy
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
RECORD = IMAGES / "pictures.json"
FIGURES = "docs/figures/"
sys.path.insert(0, str(ROOT / FIGURES))  # scripts share modules


class Picture(NamedTuple):
    """A picture of docs/images, by the script of docs/figures that writes it."""

    script: str
    inputs: Sequence[str]  # files whose content it shows, beside the script


PICTURES = {
    "synthetic.png": Picture(
        "scenes.py", ["docs/figures/scene_rows.py", "dsmnet/weights/dsmnet_lite.safetensors"]
    ),
    "failures.png": Picture(
        "failures.py", ["docs/figures/scene_rows.py", "dsmnet/weights/dsmnet_lite.safetensors"]
    ),
    "cloud.png": Picture("cloud.py", ["docs/figures/browser.py", "dsmnet/weights/dsmnet_lite.safetensors"]),
    "report.png": Picture("report.py", ["docs/figures/browser.py", "dsmnet/weights/dsmnet_lite.safetensors"]),
    "rendered.png": Picture(
        "rendered.py",
        [
            "dsmnet/inference/gap_filling.py",
            "dsmnet/adaptation/view_synthesis.py",
            "dsmnet/weights/dsmnet_lite.safetensors",
        ],
    ),
    "sparsification.png": Picture("confidence.py", ["docs/runs/lite_cpu_results.json"]),
    "norm_adaptation.png": Picture("norm_adaptation.py", ["docs/runs/norm_adaptation.json"]),
    "norm_ablation.png": Picture("norm_ablation.py", ["docs/runs/norm_ablation.json"]),
    "zero_shot_curve.png": Picture(
        "curve.py", ["docs/runs/zero_shot_curve.csv", "docs/runs/lite_cpu_results.json"]
    ),
    "error_against_time.svg": Picture(
        "error_against_time.py",
        [
            "benchmarks/error_against_time.py",
            "docs/runs/benchmark_backends.json",
            "docs/runs/lite_cpu_results.json",
            "docs/runs/kitti2015_bfloat16.json",
            "docs/runs/kitti2015_sgbm_3way.json",
        ],
    ),
    **{
        f"{name}.png": Picture("feature_statistics.py", ["docs/runs/analysis.json", "dsmnet/viz/analysis.py"])
        for name in ("norms", "divergence", "classifier")
    },
    "one_pair.svg": Picture("one_pair.py", ["dsmnet/__init__.py"]),
}


def digests(name: str) -> dict[str, str]:
    """Return the SHA-256 of each file that a picture is made of."""
    picture = PICTURES[name]
    files = [FIGURES + picture.script, *picture.inputs]
    return {file: hashlib.sha256((ROOT / file).read_bytes()).hexdigest() for file in files}


def recorded() -> dict[str, dict[str, str]]:
    """Return what the pictures that are there were made of."""
    return json.loads(RECORD.read_text("utf-8")) if RECORD.is_file() else {}


def stale() -> list[str]:
    """Return the pictures that are missing, or older than what they show."""
    known = recorded()
    return [name for name in PICTURES if known.get(name) != digests(name) or not (IMAGES / name).is_file()]


def main(names: Sequence[str]) -> None:
    """Draw pictures, and note what they were made of."""
    if unknown := set(names) - set(PICTURES):
        raise SystemExit(f"{', '.join(sorted(unknown))}: no such picture; there are {', '.join(PICTURES)}")
    for name in names or stale():
        draw: Callable[[Path], None] = runpy.run_path(str(ROOT / FIGURES / PICTURES[name].script))["draw"]
        draw(IMAGES / name)
        RECORD.write_text(json.dumps({**recorded(), name: digests(name)}, indent=2) + "\n", "utf-8")
        sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
