"""The programs: `dsmnet NAME` and `python tools/NAME.py` run `main` of the module NAME."""

import ctypes
import os
from contextlib import suppress

# How often a thread that waits for another one looks before it sleeps. By default it never sleeps, which on
# cores that other programs use too makes a prediction five times as long; this is as fast on idle ones. Read
# when torch is imported. docs/performance.md has the times.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def keep_freed_memory() -> None:
    """Let the C library reuse the memory of large tensors, where it is glibc and no variable says otherwise.

    By default it gives a tensor above 32 MiB back to the system at once, and gets the next one page by page:
    a third of the time of a large prediction.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        for parameter in (-3, -1):  # M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, bytes: above all tensors of 1080p
            library.mallopt(parameter, 1 << 28)


keep_freed_memory()
