"""What the programs set before torch is imported."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = "import os, sys, dsmnet.commands; print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "5"}, "5"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_commands_let_waiting_threads_sleep_unless_told_otherwise(
    given: dict[str, str], expected: str
) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    environment |= {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), **given}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [expected, "False"]


FAULTS = """
import resource, sys
{first}
import numpy as np

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.empty(40_000_000 // 8).fill(1.0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
@pytest.mark.parametrize(("variables", "kept"), [({}, True), ({"MALLOC_ARENA_MAX": "4"}, False)])
def test_memory_of_large_tensors_is_used_again(variables: dict[str, str], kept: bool) -> None:
    """Twenty times 38 MiB, which are 9766 pages each; without huge pages."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    environment |= {"NUMPY_MADVISE_HUGEPAGE": "0", **variables}
    command = [sys.executable, "-c", FAULTS.format(first="import dsmnet.commands")]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert (int(result.stdout) < 9766) == kept
