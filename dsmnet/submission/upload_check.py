"""Check of an archive against its form, from the files alone, without the code that wrote them."""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from dsmnet.errors import DataError, FormatError, shown
from dsmnet.io.images import decode_grey
from dsmnet.io.pfm import decode_pfm, read_pfm_header
from dsmnet.submission.upload_archive import open_archive
from dsmnet.submission.upload_form import SECONDS, UploadEntry, UploadForm

_PNG = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: "one channel", 2: "three channels", 3: "a palette", 4: "grey and alpha", 6: "color and alpha"}
_GREY = 0  # PNG's color type of one channel
_PIXEL = 16  # bytes: more than any way to store a pixel's disparity takes
_AROUND = 1 << 16  # bytes: header and metadata of a map; of a text file, all


def validate_upload(archive: Path, form: UploadForm, entries: Sequence[UploadEntry]) -> list[str]:
    """Return what is wrong with an archive, each as ``file: reason``; nothing wrong is an empty list.

    Looked at are the names of all files, and of each map its type, its size, that each pixel has a disparity,
    and the run times. Only what the entries name is read, and no more of it than their left views allow.
    """
    with open_archive(archive) as content:
        there = set(content.names())
        problems = _name_problems(content.names(), [name for entry in entries for name in entry.files()])
        for entry in entries:
            if entry.disparity in there:
                problems += _problems(entry.disparity, _map_problems(form, entry, content.read))
            if entry.time in there:
                problems += _problems(str(entry.time), _time_problems(form, str(entry.time), content.read))
    return problems


def method_of(archive: Path, form: UploadForm) -> str | None:
    """Return the one method's name that an archive's files carry, None where none can be seen."""
    with open_archive(archive) as content:
        return form.find_method(content.names())


def _problems(name: str, check: Iterator[str]) -> Iterator[str]:
    try:
        reasons = list(check)
    except DataError as error:
        reasons = [str(error)]
    for reason in reasons:
        yield f"{name}: {reason.removeprefix(f'{name}: ')}"


def _name_problems(names: Sequence[str], expected: Sequence[str]) -> list[str]:
    counts = Counter(names)
    problems = [f"{name}: missing" for name in expected if name not in counts]
    problems += [f"{shown(name)}: unexpected file" for name in sorted(counts.keys() - set(expected))]
    repeated = [(name, count) for name, count in counts.items() if count > 1]
    problems += [f"{shown(name)}: {count} times in the archive" for name, count in repeated]
    first = names[0].split("/")[0] if names else ""
    if first and counts.keys() >= {f"{first}/{name}" for name in expected}:
        problems.append(
            f"{shown(first)}/: everything lies in this folder; expected what it holds in the archive's root"
        )
    return problems


def _map_problems(form: UploadForm, entry: UploadEntry, read: Callable[[str, int], bytes]) -> Iterator[str]:
    size, name = entry.size(), entry.disparity
    data = read(name, size[0] * size[1] * _PIXEL + _AROUND)
    found = (_png16_size if form.maps == "png16" else _pfm_size)(data, name)
    if found != size:
        yield f"size {found[1]}x{found[0]}, expected {size[1]}x{size[0]} as the left view (width x height)"
        return
    values = np.asarray((decode_grey if form.maps == "png16" else decode_pfm)(data, name), np.float32)
    wild = int((~np.isfinite(values)).sum())
    if wild:
        yield f"{wild} pixels are nan or infinite; expected a disparity at each pixel"
    empty = int((values <= 0).sum())
    if empty:
        yield f"{empty} pixels have no disparity (0 or less); expected a positive disparity at each pixel"


def _png16_size(data: bytes, name: str) -> tuple[int, int]:
    if not data.startswith(_PNG) or len(data) < 26:
        raise FormatError(f"{name}: no PNG image")
    width, height, bits, kind = struct.unpack_from(">IIBB", data, 16)  # of the header, always the first chunk
    if (bits, kind) != (16, _GREY):
        channels = _CHANNELS.get(kind, f"color type {kind}")
        raise FormatError(f"{name}: a PNG of {bits} bits and {channels}; expected 16 bits and one channel")
    return height, width


def _pfm_size(data: bytes, name: str) -> tuple[int, int]:
    header = read_pfm_header(data, name)
    if len(header.shape) != 2:
        raise FormatError(f"{name}: a PFM of three channels (PF); expected one (Pf)")
    if header.dtype != np.dtype("<f4"):
        raise FormatError(f"{name}: a big-endian PFM; expected little-endian (a negative scale)")
    return header.shape[0], header.shape[1]


def _time_problems(form: UploadForm, name: str, read: Callable[[str, int], bytes]) -> Iterator[str]:
    text = read(name, _AROUND).decode("ascii", "replace").strip()
    start, end = (re.escape(part) for part in form.time_line.split(SECONDS))
    match = re.fullmatch(f"{start}(.+){end}", text)
    try:
        seconds = float(match[1]) if match else math.nan
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        yield f"{text[:40]!r}; expected {form.time_line.format(seconds='SECONDS')!r}, a positive number"
