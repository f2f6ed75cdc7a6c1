"""Check of the norms' arguments."""

from __future__ import annotations


def check_ndim(ndim: int) -> None:
    """Refuse anything but sequences (1), maps (2) and volumes (3) by a ValueError."""
    if ndim not in (1, 2, 3):
        raise ValueError(f"ndim: expected 1 (sequences), 2 (maps) or 3 (volumes), got {ndim}")
