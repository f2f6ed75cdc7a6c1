"""A stranger's zip file, read without trust in what it says of itself: sizes, counts, names and kinds."""

from __future__ import annotations

import copy
import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dsmnet.errors import DataError, shown

_DIRECTORY = 1 << 20  # bytes: uploads have a few hundred files, this lists ten thousand
_PIECE = 1 << 16  # bytes that are unpacked at once
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what every reader of zip files knows
_ENCRYPTED = 1  # of an entry's flags
_LOCAL_HEADER = 30  # bytes, at least
# Of a zip file, at whatever place it is broken or lies: the library lets its own failures through.
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError, OSError)


class Archive:
    """The files of an open zip file."""

    def __init__(self, content: zipfile.ZipFile) -> None:
        self._content = content
        self._files = [info for info in content.infolist() if not info.is_dir() or info.file_size]
        self._overlapping = _overlapping(self._files)

    def names(self) -> list[str]:
        """Return the names of the files, one as often as it is there."""
        return [info.filename for info in self._files]

    def read(self, name: str, most: int) -> bytes:
        """Return the content of a plain file of at most so many bytes; anything else is a DataError."""
        info = self._content.getinfo(name)
        if reason := self._refusal(info, most):
            raise DataError(f"{name}: {reason}")
        data, unlimited = bytearray(), copy.copy(info)
        unlimited.file_size = most + 2 * _PIECE  # else the library cuts the content to what is stated
        try:
            with self._content.open(unlimited) as file:
                while len(data) <= most and (piece := file.read(_PIECE)):
                    data += piece
        except _BROKEN as error:
            raise DataError(f"{name}: cannot be read from the archive ({shown(str(error))})") from None
        if len(data) != info.file_size:
            found = f"more than {most}" if len(data) > most else len(data)
            raise DataError(f"{name}: unpacks to {found} bytes, where the archive states {info.file_size}")
        return bytes(data)

    def _refusal(self, info: zipfile.ZipInfo, most: int) -> str | None:
        if info.flag_bits & _ENCRYPTED:
            return "encrypted; expected a plain file"
        kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on Unix
        if kind not in (0, stat.S_IFREG):
            return "a link or device; expected a plain file"
        if info.compress_type not in _COMPRESSIONS:
            return f"compressed by method {info.compress_type}; expected it deflated or stored"
        if info.header_offset in self._overlapping:
            return "shares its bytes with another file of the archive"
        if info.file_size > most:
            return f"{info.file_size} bytes, where at most {most} were expected"
        return None


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a zip file; one that is absent, broken or lists far too many files is a DataError."""
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        content = zipfile.ZipFile(_Bounded(io.FileIO(path)))
    except _BROKEN as error:
        raise DataError(f"{path}: not a whole zip file ({shown(str(error))})") from None
    with content:
        yield Archive(content)


class _Bounded(io.BufferedReader):
    """A file whose list of contents is refused before it is read where it is far too long."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read bytes, all of them without a size: the library asks so for the last few alone."""
        if size is not None and size > _DIRECTORY:
            raise zipfile.BadZipFile(f"the list of its files has {size} bytes, expected at most {_DIRECTORY}")
        return super().read(size)


def _overlapping(files: list[zipfile.ZipInfo]) -> set[int]:
    """Return the offsets of the files that share bytes with another one."""
    found, end, start = set(), 0, 0
    for info in sorted(files, key=lambda info: info.header_offset):
        if info.header_offset < end:
            found |= {start, info.header_offset}
        last = info.header_offset + _LOCAL_HEADER + len(info.orig_filename) + info.compress_size
        if last > end:
            end, start = last, info.header_offset
    return found
