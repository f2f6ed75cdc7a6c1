"""Peak memory, measured in a process of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import re
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from dsmnet.errors import UserError

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")

# Prepares inputs and returns the work that is measured; importable from anywhere.
Setup = Callable[[], Callable[[], object]]


def peak(on_gpu: bool) -> float:
    """Return the most memory held since `reset_peak`, else since the start, in MiB; resident on a CPU."""
    if on_gpu:
        return torch.cuda.max_memory_allocated() / 2**20
    if _STATUS.is_file():
        found = re.search(r"^VmHWM:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)
        if found:
            return int(found[1]) / 2**10
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def reset_peak(on_gpu: bool) -> None:
    """Forget what was held before and is free again, such as what importing needed; not on every system."""
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    elif _CLEAR.exists():
        with contextlib.suppress(OSError):  # not permitted in every container
            _CLEAR.write_text("5")  # proc(5): the peak of the resident memory becomes what is held now


def load_modules(little: torch.Tensor) -> None:
    """Go back from a little result: the first call of an operator loads modules, which count for nobody."""
    little.sum().backward()


def in_own_process(function: Callable[..., Any], *arguments: Any, what: str) -> Any:
    """Return ``function(*arguments)``, called in a fresh process.

    Raises:
        UserError: The process died, or the function failed.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_call_and_send, args=(there, function, arguments))
    process.start()
    there.close()
    try:
        failure, found = here.recv()
    except EOFError:
        process.join()
        raise UserError(
            f"{what}: the process died (status {process.exitcode}); out of memory? Try a smaller size"
        ) from None
    process.join()
    if failure:
        raise UserError(failure)
    return found


def _call_and_send(pipe: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        pipe.send(("", function(*arguments)))
    except (UserError, RuntimeError) as error:
        pipe.send((str(error).splitlines()[0], None))
    finally:
        pipe.close()


def growth(setup: Setup, on_gpu: bool = False, what: str = "benchmark") -> float:
    """Return the growth of the peak when `setup()()` runs once, MiB; inputs do not count.

    A GPU's allocator counts exactly, so this process does. On a CPU, what earlier runs have left in this
    process would hide what the next one takes: it gets a process of its own.

    Raises:
        UserError: The process died.
    """
    if on_gpu:
        return _growth_here(setup, on_gpu)
    return float(in_own_process(_growth_here, setup, on_gpu, what=what))


def _growth_here(setup: Setup, on_gpu: bool) -> float:
    run = setup()
    reset_peak(on_gpu)
    before = peak(on_gpu)
    run()
    if on_gpu:
        torch.cuda.synchronize()
    # Linux adds up the shares of its CPUs late: what a small run takes can read as less than nothing.
    return max(0.0, round(peak(on_gpu) - before, 2))
