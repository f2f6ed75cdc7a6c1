"""The contract of all readers: a value that makes sense or one `FormatError`, in bounded memory and time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dsmnet.errors import FormatError, UserError, shown

log = logging.getLogger(__name__)

MOST_PIXELS = 50_000_000  # of an image or a map, height times width; with 16 bits within a gigabyte
MOST_TEXT = 1 << 20  # bytes of a calibration, a list or a settings file
LARGEST_DISPARITY = 1e5  # pixels; what is larger is no disparity of any image
_said: set[tuple[str, ...]] = set()


@contextmanager
def decoding(path: Path | str, complaint: str) -> Iterator[None]:
    """A block in which every error is the file's fault, whatever the parsing library calls it.

    It raises `FormatError` with this complaint; a `UserError` comes out as itself.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # RecursionError, MemoryError, struct.error, LinAlgError, cv2.error, ...
        first = (str(error).strip().splitlines() or [""])[0]
        reason = shown(f"no entry {first}" if isinstance(error, KeyError) else first or type(error).__name__)
        raise FormatError(f"{path}: {complaint} ({reason})") from None


def check_size(height: int, width: int, path: Path | str) -> None:
    """Refuse a size that a header states, before memory is taken for it: nothing, or over `MOST_PIXELS`."""
    if height < 1 or width < 1 or height * width > MOST_PIXELS:
        size = shown(f"{height}x{width}")
        raise FormatError(f"{path}: states a size of {size}; 1 to {MOST_PIXELS} pixels were expected")


def warn_once(key: tuple[str, ...], message: str, *values: Any) -> None:
    """Warn of something that many files share, for the first of them alone."""
    if key not in _said:
        _said.add(key)
        log.warning(message, *values)
