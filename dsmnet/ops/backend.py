"""One place that decides which implementation of an operator runs."""

from __future__ import annotations

import os

from dsmnet.errors import UserError

BACKENDS = ("auto", "reference", "scan")


def choose_backend(backend: str) -> str:
    """Resolve ``auto``: the environment variable ``DSMNET_BACKEND`` if set, else the fast scan.

    Raises:
        UserError: the name is not one of `BACKENDS`.
    """
    if backend == "auto":
        backend = os.environ.get("DSMNET_BACKEND", "scan")
    if backend not in BACKENDS:
        raise UserError(f"backend={backend!r}: expected one of {', '.join(BACKENDS)}")
    return "scan" if backend == "auto" else backend
