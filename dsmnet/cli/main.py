"""The console command: `dsmnet` lists the programs, `dsmnet NAME` does what `python tools/NAME.py` does."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from dsmnet.cli.arguments import did_you_mean

COMMANDS = Path(__file__).resolve().parents[1] / "commands"
PROGRAMS = {
    "train": "train a network, then evaluate it zero-shot on the real sets",
    "evaluate": "error of networks on data sets, beside StereoSGBM",
    "predict": "disparity and point clouds of pairs, videos, bags or cameras",
    "rectify": "pairs whose rows meet, by a calibration or by an estimate",
    "demo": "a page in the browser: two images to disparity and a cloud",
    "visualize": "pictures of a disparity file",
    "adapt": "fit a network to another domain without labels",
    "average": "the mean of the weights of several networks",
    "label": "pseudo-labels of pairs without ground truth, to train on",
    "analyze": "effect of normalisation on features, on several domains",
    "submit": "the files of a benchmark's upload, zipped and checked",
    "export": "a network as ONNX, OpenVINO or torch.export file",
    "pack": "a data set as shards, in a folder or an object store",
    "check_data": "check the data sets that are there, with a picture of each",
    "compare": "compare the results of trainings over seeds",
    "benchmark": "time, memory and parameters (in a checkout of the repository)",
}


def main() -> None:
    """Run the program that the first argument names; without one, list them."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-V", "--version"):
        sys.stdout.write(f"dsmnet {sys.modules['dsmnet'].__version__}\n")
        return
    if name in ("-h", "--help", "help"):
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
