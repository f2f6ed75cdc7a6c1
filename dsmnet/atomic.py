"""Atomic writes: a file is whole or not there, whatever ends the program."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dsmnet.errors import UserError

PART = ".part-"  # what the name of an unfinished file begins with


class WriteError(UserError):
    """A file or folder cannot be written: the disk is full, read-only, or something else is in the way."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A path beside `path`, whose file takes its place once the block has ended; folders are made as needed.

    The file is on the disk before it is renamed, and has the permissions of an ordinary new file. An error or
    an interruption leaves `path` as it was. The name is the same at every try, so that what a killed process
    left is replaced by the next write of that file.

    Raises:
        WriteError: the file cannot be written; the message names `path` and the reason.

    Example:
        >>> with atomic_write(Path("a.txt")) as part:  # doctest: +SKIP
        ...     part.write_text("all of it")
    """
    aside = path.with_name(PART + path.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(b"")
        mode = stat.S_IMODE(aside.stat().st_mode)
        yield aside
        aside.chmod(mode)  # some writers make their own file, for its owner alone
        _flush(aside)
        os.replace(aside, path)
        _flush(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove what killed processes have left unfinished in a folder; nobody else may be writing there."""
    for path in folder.glob(PART + "*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def cannot_write(path: Path | str, error: OSError) -> WriteError:
    """The message for a file or folder that the operating system refuses to write."""
    return WriteError(f"{path}: cannot be written ({error.strerror or error})")


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
