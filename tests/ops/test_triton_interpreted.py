"""The Triton kernels where there is no GPU: interpreted on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton")
HERE = Path(__file__).parent


def test_interpreted_kernels_equal_the_reference() -> None:
    """In a process of its own: Triton reads the variable once, when it is imported."""
    options = ["-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    command = [sys.executable, *options, str(HERE / "test_triton.py")]
    environment = {**os.environ, "TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        command, env=environment, cwd=HERE.parents[1], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
