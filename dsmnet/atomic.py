"""Atomic writes: a file is complete or absent, whatever ends the program; locks on output folders."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dsmnet.errors import UserError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

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
        WriteError: The file cannot be written; the message names `path` and the reason.
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
    except Exception:
        if shutil.disk_usage(path.parent).free < 1 << 16:  # libraries in C++ raise errors of their own
            raise cannot_write(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) from None
        raise
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


@contextmanager
def write_until_stopped(path: Path) -> Iterator[Path]:
    """An `atomic_write` of a file that grows with a run: one that is stopped keeps what it has so far.

    The block completes the file before it lets a `UserError` or an interruption out.
    """
    stopped: BaseException | None = None
    with atomic_write(path) as part:
        try:
            yield part
        except (UserError, KeyboardInterrupt) as error:
            stopped = error
    if stopped is not None:
        raise stopped


@contextmanager
def atomic_write_all(folder: Path, name: str, last: str) -> Iterator[Path]:
    """A folder for the files of one result, which move to `folder` together once the block has ended.

    An error or an interruption leaves `folder` without any of them. Where a result of that name is there
    already, its file `last` is taken away first and comes back at the end, so that files of two results are
    never taken for one.

    Raises:
        WriteError: A file cannot be written.
    """
    aside = folder / (PART + name)
    shutil.rmtree(aside, ignore_errors=True)  # of a run that was killed
    try:
        aside.mkdir(parents=True)
        yield aside
        (folder / last).unlink(missing_ok=True)
        for path in sorted(aside.iterdir(), key=lambda path: path.name == last):
            os.replace(path, folder / path.name)
    except OSError as error:
        raise cannot_write(folder / last, error) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8, by `atomic_write`."""
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")


def claim_folder(record: Path, source: Mapping[str, Any], what: str) -> None:
    """Note in a file what makes the contents of its folder, or check that what is there was made alike.

    Raises:
        UserError: It was made with other options; `what` names it.
    """
    text = json.dumps(dict(source), indent=2, sort_keys=True) + "\n"
    if not record.is_file():
        write_text(record, text)
    elif record.read_text(encoding="utf-8") != text:
        raise UserError(
            f"{record.parent}: holds {what} that were made with other options; expected another folder"
        )


def check_apart(folder: Path, names: Iterable[str], read: Iterable[Path | str | None]) -> None:
    """Refuse to write where that would replace what is read; the one check of all tools.

    Args:
        folder: Folder of the results (``paths.output``).
        names: Files to be written there, and folders that files are written into.
        read: Files that the run reads; those that do not exist play no part.

    Raises:
        WriteError: One of them would be replaced; nothing has been written yet.
    """
    paths = {Path(path).expanduser().absolute() for path in read if path is not None}
    taken = {_place(path) for path in paths.union(*(path.parents for path in paths))} - {None}
    for name in names:
        if _place(folder / name) in taken:
            raise WriteError(
                f"paths.output={folder}: {name} would replace a file that is read; expected another folder"
            )


def _place(path: Path) -> tuple[int, int] | None:
    """Return device and inode of a file, whatever it is called; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def remove_parts(folder: Path) -> None:
    """Remove what killed processes have left unfinished in a folder; nobody else may be writing there."""
    for path in folder.glob(PART + "*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Keep other runs from writing to a folder, which is made as needed, until the block has ended.

    The lock is the operating system's: whatever ends the process lifts it, and nothing is left in the folder.
    A file system that has no locks goes without.

    Raises:
        WriteError: Another run has it, or the folder cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise cannot_write(folder, error) from None
    _held.add(descriptor)
    try:
        if not _lock(descriptor):
            raise WriteError(
                f"{folder}: another run is writing there; wait for its end, or choose another folder"
            )
        yield
    finally:
        _let_go({descriptor})


_held: set[int] = set()  # descriptors of locked folders


def _lock(descriptor: int) -> bool:
    """Lock an open folder; return whether that is done, or cannot be done at all on its file system."""
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return not isinstance(error, BlockingIOError)
    return True


def _let_go(descriptors: set[int]) -> None:
    for descriptor in _held & descriptors:
        _held.remove(descriptor)
        os.close(descriptor)


if hasattr(os, "register_at_fork"):  # a process that loads data would hold the locks when this one is gone
    os.register_at_fork(after_in_child=lambda: _let_go(_held))


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
