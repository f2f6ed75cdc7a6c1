"""A pair as members of a tar archive in WebDataset's form: lossless, in formats that other programs read.

``000012.left.png`` and ``.right.png`` are the bytes of the views' files where they had some that give just
that view, else PNG. Disparity is ``.disparity.png`` (16 bit, 256 times the disparity) where that loses
nothing, else ``.disparity.npy`` (float32). Masks are ``.noc.png`` and the like, 0 or 255. ``.json`` has
name, data set and calibration.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import FormatError, UserError
from dsmnet.io.decoding import decoding
from dsmnet.io.images import decode_color, decode_grey, read_bytes
from dsmnet.io.npy import decode_npy
from dsmnet.io.pairs import IMAGE_SUFFIXES
from dsmnet.types import Calibration, StereoSample

FORM = "dsmnet shards 1"
INDEX, TABLE, NAMES = "index.json", "index.npy", "names.json"
TRAINING, HELD_BACK, APART = range(
    3
)  # of the set; of the set but for validation; of a part of its own for it
_MAPS = {"disparity": "valid", "right_disparity": "right_valid"}
_MASKS = ("valid", "right_valid", "noc", "foreground")
_BLOCK = tarfile.BLOCKSIZE
_CODE = 256  # stored value of one pixel in a 16-bit PNG


# A row of the index: where a pair lies, and what is known of it before it is read.
ROW = np.dtype(
    [
        ("shard", "<u4"),
        ("offset", "<u8"),  # bytes, of its first member's header
        ("size", "<u4"),  # bytes, of all its members
        ("checksum", "<u4"),  # CRC-32 of these bytes
        ("part", "u1"),  # `TRAINING`, `HELD_BACK` or `APART`
        ("known", "?"),  # with ground truth
    ]
)


def shard_name(number: int) -> str:
    """Return the file name of a shard."""
    return f"shard-{number:06d}.tar"


def encode_pair(sample: StereoSample, number: int, files: tuple[Path, Path] | None) -> bytes:
    """Return the members of a pair, the `number`-th of its shard; `files` are those of its views, if any."""
    members = dict(_encode(sample, files))
    stored = io.BytesIO()
    for name, data in members.items():
        header = tarfile.TarInfo(f"{number:06d}.{name}")
        header.size = len(data)
        stored.write(header.tobuf(tarfile.USTAR_FORMAT) + data)
        stored.write(bytes(-len(data) % _BLOCK))
    return stored.getvalue()


def decode_pair(data: bytes | memoryview, where: str) -> StereoSample:
    """Return the pair of some members; `where` names them in messages.

    Maps are parts of `data` where that is a memoryview, which can be written to.
    """
    with decoding(where, "not the pair of a shard"):
        members, place = {}, 0
        while place < len(data):
            header = tarfile.TarInfo.frombuf(bytes(data[place : place + _BLOCK]), "utf-8", "strict")
            place += _BLOCK
            members[header.name.partition(".")[2]] = memoryview(data)[place : place + header.size]
            place += header.size + -header.size % _BLOCK
        about = json.loads(bytes(members.pop("json")))
        found: dict[str, Any] = {"name": about["name"], "dataset": about["dataset"]}
        if about["calibration"] is not None:
            found["calibration"] = Calibration(**about["calibration"])
        for name, content in members.items():
            key, _, suffix = name.partition(".")
            found[key] = _decode(key, suffix, content, f"{where} {name}")
        for key, valid in _MAPS.items():
            if key in found and valid not in found:
                found[valid] = found[key] != 0
        if about.get("noc") == "valid":
            found["noc"] = found["valid"].copy()
        shapes = {key: value.shape[:2] for key, value in found.items() if isinstance(value, np.ndarray)}
        if not {"left", "right"} <= shapes.keys() or len(set(shapes.values())) > 1:
            raise FormatError(f"{where}: expected both views and maps of one size, got {shapes}")
        return cast(StereoSample, found)


def _encode(sample: StereoSample, files: tuple[Path, Path] | None) -> Iterator[tuple[str, bytes]]:
    values: dict[str, Any] = dict(sample)
    calibration = values.pop("calibration", None)
    about = {"name": values.pop("name"), "dataset": values.pop("dataset")}
    about["calibration"] = calibration and calibration._asdict()
    for side, view in enumerate(("left", "right")):
        yield _encode_view(view, values.pop(view), files and files[side])
    for key, valid in _MAPS.items():
        if key in values:
            if np.array_equal(values[valid], values[key] != 0):
                del values[valid]  # follows from the map
            yield _encode_map(key, values.pop(key))
    if "noc" in values and np.array_equal(values["noc"], sample["valid"]):
        about["noc"] = "valid"  # no mask is decoded twice
        del values["noc"]
    for key in _MASKS:
        if key in values:
            yield f"{key}.png", _png(values.pop(key).astype(np.uint8) * np.uint8(255))
    if values:
        raise UserError(f"a shard has no place for {', '.join(values)}")
    yield "json", json.dumps(about, default=float).encode()


def _encode_view(view: str, image: NDArray[np.uint8], path: Path | None) -> tuple[str, bytes]:
    if path is not None and path.suffix.lower() in IMAGE_SUFFIXES:
        data = read_bytes(path)
        if np.array_equal(decode_color(data, path), image):
            return f"{view}{path.suffix.lower()}", data
    return f"{view}.png", _png(image[..., ::-1])


def _encode_map(key: str, values: NDArray[np.float32]) -> tuple[str, bytes]:
    with np.errstate(invalid="ignore", over="ignore"):
        coded = (values * _CODE).astype(np.uint16)
    if np.array_equal(coded.astype(np.float32) / _CODE, values):
        return f"{key}.png", _png(coded)
    file = io.BytesIO()
    np.lib.format.write_array(file, values, allow_pickle=False)
    return f"{key}.npy", file.getvalue()


def _png(image: NDArray[Any]) -> bytes:
    return cv2.imencode(".png", np.ascontiguousarray(image))[1].tobytes()


def _decode(key: str, suffix: str, data: memoryview, where: str) -> NDArray[Any]:
    if key in ("left", "right"):
        return decode_color(bytes(data), where)
    if key in _MASKS:
        return decode_grey(bytes(data), where) != 0
    if key not in _MAPS:
        raise FormatError(f"{where}: unknown")
    if suffix == "npy":
        return decode_npy(data, where)
    return decode_grey(bytes(data), where).astype(np.float32) / np.float32(_CODE)
