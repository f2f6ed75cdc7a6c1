"""Benchmark, see benchmarks/program.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package alone may be installed

from benchmarks.program import main

if __name__ == "__main__":
    main()
