"""Time, memory and parameters, in a checkout of the repository: python tools/benchmark.py [model=dsmnet]."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from dsmnet.ending import run_to_end
from dsmnet.errors import UserError


def main() -> None:
    """Run the benchmark of the repository, which is no part of the installed package."""
    root = Path(__file__).resolve().parents[2]
    if (root / "benchmarks" / "program.py").is_file():
        sys.path.insert(0, str(root))
        importlib.import_module("benchmarks.program").main()
    else:
        run_to_end(_refuse)


def _refuse() -> None:
    raise UserError("benchmark: needs the repository; expected python tools/benchmark.py in a checkout of it")
