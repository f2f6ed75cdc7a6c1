"""Is an archive what the benchmark takes? Read from the files alone, without the code that wrote them."""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsmnet.data.formats.images import decode_grey
from dsmnet.data.formats.pfm import decode_pfm, read_pfm_header
from dsmnet.errors import DataError, FormatError
from dsmnet.submission.answers import Answer
from dsmnet.submission.form import SECONDS, UploadForm

_PNG = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {
    0: "one channel",
    2: "three channels",
    3: "a palette",
    4: "grey and alpha",
    6: "colour and alpha",
}
_GREY = 0  # PNG's colour type of one channel
_READ_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError)


def validate(archive: Path, form: UploadForm, answers: Sequence[Answer]) -> list[str]:
    """Return what is wrong with an archive, each as ``file: reason``; nothing wrong is an empty list.

    Looked at are the names of all files, and of each map its type, its size, that each pixel has an answer,
    and the run times.

    Args:
        archive: a zip file.
        form: of the benchmark.
        answers: what the archive has to hold.

    Raises:
        DataError: there is no such file, or it is no whole zip file.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            names = [info.filename for info in content.infolist() if not info.is_dir()]
            problems = _name_problems(names, [name for answer in answers for name in answer.files()])
            for answer in answers:
                problems += answer_problems(form, answer, lambda name: _member(content, name), set(names))
    except FileNotFoundError:
        raise DataError(f"{archive}: no such file") from None
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{archive}: not a whole zip file ({error})") from None
    return problems


def method_of(archive: Path, form: UploadForm) -> str | None:
    """Return the method's name that an archive's files carry, None where none can be seen.

    Raises:
        UserError: they carry several.
    """
    if not zipfile.is_zipfile(archive):
        return None
    with zipfile.ZipFile(archive) as content:
        return form.find_method(content.namelist())


def answer_problems(
    form: UploadForm, answer: Answer, read: Callable[[str], bytes], there: set[str]
) -> list[str]:
    """Return what is wrong with the files of one answer, apart from those that are not there.

    Args:
        form: of the benchmark.
        answer: the pair.
        read: returns the content of a file of this name, or raises a `DataError`.
        there: names of the files that exist.
    """
    problems: list[str] = []
    if answer.disparity in there:
        problems += _problems(answer.disparity, read, lambda data: _map_problems(form, answer, data))
    if answer.time in there:
        problems += _problems(str(answer.time), read, lambda data: _time_problems(form.time_line, data))
    return problems


def _problems(
    name: str, read: Callable[[str], bytes], check: Callable[[bytes], Iterator[str]]
) -> Iterator[str]:
    try:
        reasons = list(check(read(name)))
    except DataError as error:
        reasons = [str(error)]
    for reason in reasons:
        yield f"{name}: {reason.removeprefix(f'{name}: ')}"


def _name_problems(names: Sequence[str], expected: Sequence[str]) -> list[str]:
    counts = Counter(names)
    problems = [f"{name}: missing" for name in expected if name not in counts]
    problems += [f"{name}: unexpected file" for name in sorted(counts.keys() - set(expected))]
    problems += [f"{name}: {count} times in the archive" for name, count in counts.items() if count > 1]
    first = names[0].split("/")[0] if names else ""
    if first and counts.keys() >= {f"{first}/{name}" for name in expected}:
        problems.append(
            f"{first}/: everything lies in this folder; expected what it holds in the archive's root"
        )
    return problems


def _member(content: zipfile.ZipFile, name: str) -> bytes:
    try:
        return content.read(name)
    except _READ_ERRORS as error:
        raise DataError(f"{name}: cannot be read from the archive ({error})") from None


def _map_problems(form: UploadForm, answer: Answer, data: bytes) -> Iterator[str]:
    values = (_read_png16 if form.maps == "png16" else _read_pfm)(data, answer.disparity)
    size = answer.size()
    if values.shape != size:
        yield (
            f"size {values.shape[1]}x{values.shape[0]}, expected {size[1]}x{size[0]} as the left view "
            "(width x height)"
        )
    wild = int((~np.isfinite(values)).sum())
    if wild:
        yield f"{wild} pixels are nan or infinite; expected a disparity at each pixel"
    empty = int((values <= 0).sum())
    if empty:
        yield f"{empty} pixels have no answer (0 or less); expected a positive disparity at each pixel"


def _read_png16(data: bytes, name: str) -> NDArray[np.floating]:
    if not data.startswith(_PNG) or len(data) < 26:
        raise FormatError(f"{name}: no PNG image")
    bits, kind = data[24], data[25]  # of the header, which is always the first chunk
    if (bits, kind) != (16, _GREY):
        channels = _CHANNELS.get(kind, f"colour type {kind}")
        raise FormatError(f"{name}: a PNG of {bits} bits and {channels}; expected 16 bits and one channel")
    return np.asarray(decode_grey(data, name), np.float32)


def _read_pfm(data: bytes, name: str) -> NDArray[np.floating]:
    header = read_pfm_header(data, name)
    if len(header.shape) != 2:
        raise FormatError(f"{name}: a PFM of three channels (PF); expected one (Pf)")
    if header.dtype != np.dtype("<f4"):
        raise FormatError(f"{name}: a big-endian PFM; expected little-endian (a negative scale)")
    return decode_pfm(data, name)


def _time_problems(time_line: str, data: bytes) -> Iterator[str]:
    text = data.decode("ascii", "replace").strip()
    start, end = (re.escape(part) for part in time_line.split(SECONDS))
    match = re.fullmatch(f"{start}(.+){end}", text)
    try:
        seconds = float(match[1]) if match else math.nan
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        yield f"{text[:40]!r}; expected {time_line.format(seconds='SECONDS')!r}, a positive number"
