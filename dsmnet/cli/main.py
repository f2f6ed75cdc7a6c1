"""The console command: `dsmnet` lists the programs, `dsmnet NAME` does what `python tools/NAME.py` does."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from dsmnet.cli.arguments import did_you_mean

COMMANDS = Path(__file__).resolve().parents[1] / "commands"
PROGRAMS = {
    "train": "train a network, then evaluate it zero-shot on every real set that is there",
    "evaluate": "error of networks on several data sets, side by side and beside StereoSGBM",
    "predict": "disparity, confidence and point clouds of your own pairs, videos, bags or cameras",
    "rectify": "pairs whose rows meet, by a calibration of the raw cameras or by an estimate",
    "demo": "a page in the browser: two images to disparity, confidence and a cloud to turn",
    "visualize": "pictures of a disparity file",
    "adapt": "fit a network to another domain without labels",
    "label": "pseudo-labels of pairs without ground truth, as a data set to train on",
    "analyze": "effect of normalisation on the features of networks, on several domains",
    "submit": "the files of a benchmark's upload, zipped and checked",
    "export": "a network as ONNX, OpenVINO or torch.export file, checked against torch",
    "pack": "a data set as shards, to train on from a folder or an object store",
    "check_data": "check the data sets that are there, with a picture of each",
    "compare": "compare the results of trainings over seeds",
    "benchmark": "time, memory and parameters (in a checkout of the repository)",
}


def main() -> None:
    """Run the program that the first argument names; without one, list them."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        lines = ["dsmnet PROGRAM [OPTION=VALUE ...]; dsmnet PROGRAM --help lists its options", ""]
        lines += [f"  {program:<11} {about}" for program, about in PROGRAMS.items()]
        sys.stdout.write("\n".join(lines) + "\n")
        return
    if name not in PROGRAMS:
        hint = did_you_mean(name, PROGRAMS) or f"; there are {', '.join(PROGRAMS)}"
        sys.stderr.write(f"dsmnet {name}: no such program{hint}\n")
        raise SystemExit(1)
    # Lightning starts the other processes of a training with the file that stands here.
    sys.argv = [str(COMMANDS / f"{name}.py"), *arguments]
    importlib.import_module(f"dsmnet.commands.{name}").main()
