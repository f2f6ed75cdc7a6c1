"""Entries of a calibration file by name, whatever its syntax: YAML, XML, JSON, or sections of an INI file.

Nothing in a file is executed: YAML tags are not followed, and XML with a document type is refused.
"""

from __future__ import annotations

import configparser
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import yaml  # type: ignore[import-untyped]
from numpy.typing import NDArray

from dsmnet.errors import FormatError, shown
from dsmnet.io.decoding import check_size

_MOST_YAML = 1 << 18  # bytes; a parser in Python takes seconds for more
_LARGEST = 1e9  # of any number of a calibration, such as pixels times millimetres
_LONGEST_LINE = 4096  # of an INI file; the time of configparser grows with its square
_SECTION = re.compile(r"\s*(?:[#;].*\n\s*)*\[\s*[A-Za-z]\w*\s*\]\s*$", re.MULTILINE)


def parse_entries(text: str, path: Path | str) -> Entries:
    """Parse YAML (OpenCV's ``%YAML:1.0`` too), XML, JSON or an INI file, told apart by how it begins."""
    found: Any
    if re.match(r"\s*<", text):
        if re.search(r"<!(DOCTYPE|ENTITY)", text):
            raise FormatError(f"{path}: XML with a document type, which no calibration needs")
        found = _from_xml(ElementTree.fromstring(text))
    elif _SECTION.match(text):
        if max(map(len, text.splitlines())) > _LONGEST_LINE:
            raise FormatError(f"{path}: a line longer than {_LONGEST_LINE} characters in an INI file")
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.read_string(text)
        found = {name.upper(): dict(parser[name]) for name in parser.sections()}
    elif re.match(r"\s*[{[]", text):
        found = json.loads(text)
    elif len(text) > _MOST_YAML:
        raise FormatError(f"{path}: larger than {_MOST_YAML} bytes, which no calibration in YAML is")
    else:  # the first document; all scalars are text
        plain = re.sub(r"^%YAML.*$|(?<=\bdata:)(?=\[)", " ", text, flags=re.MULTILINE)  # as OpenCV takes it
        found = yaml.BaseLoader(plain).get_data()
    return Entries(path, found if isinstance(found, Mapping) else {})


def _from_xml(element: ElementTree.Element) -> Any:
    if len(element) == 0:
        return element.text or ""
    return {child.tag: _from_xml(child) for child in element}


class Entries:
    """Entries by name, with one message for those that are missing or not what they should be.

    Attributes:
        path: File they come from.
        values: Entries as parsed; numbers may be text.
    """

    def __init__(self, path: Path | str, values: Mapping[str, Any], where: str = "") -> None:
        self.path, self.values, self._where = path, values, where

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def name(self, *keys: str) -> str:
        """Return the first of some keys that is there, else the first of all."""
        return next((key for key in keys if key in self.values), keys[0])

    def error(self, key: str, expected: str) -> FormatError:
        """Return the error for an entry, with what was expected of it."""
        value = self.values.get(key)
        given = f"={shown(value, 40)}" if isinstance(value, str) else ""
        missing = "" if key in self.values else "no entry "
        return FormatError(f"{self.path}: {missing}{shown(self._where + key)}{given}, but {expected}")

    def inside(self, key: str) -> Entries:
        """Return the entries inside an entry."""
        value = self.values.get(key)
        if not isinstance(value, Mapping):
            raise self.error(key, "entries with names were expected inside")
        return Entries(self.path, value, f"{self._where}{key}.")

    def text(self, key: str, default: str = "") -> str:
        """Return a word in lower case, shortened."""
        return str(self.values.get(key, default))[:64].strip().lower()

    def numbers(self, key: str, count: int | None = None, kind: str = "") -> NDArray[np.float64]:
        """Return the numbers of an entry, flat: a list, rows of lists, a matrix with ``data``, or text."""
        found = _flat(self.values.get(key))
        if found is None or len(found) != (count or len(found)) or not all(abs(x) <= _LARGEST for x in found):
            raise self.error(key, f"{count or 'some'} number(s){kind} were expected")
        return np.array(found, np.float64)

    def number(self, key: str) -> float:
        """Return a single number."""
        return float(self.numbers(key, 1)[0])

    def matrix(self, key: str, rows: int, columns: int) -> NDArray[np.float64]:
        """Return a matrix, stored row by row."""
        return self.numbers(key, rows * columns, f" of a {rows}x{columns} matrix").reshape(rows, columns)

    def projection(self, key: str) -> NDArray[np.float64]:
        """Return a projection ``K [I | t]``, [3, 4]."""
        found = self.matrix(key, 3, 4)
        if not (found[0, 0] > 1e-3 and found[1, 1] > 1e-3 and abs(found[2, 2]) > 1e-3):
            raise self.error(key, "a 3x4 projection matrix was expected")
        return found

    def rotation(self, key: str, found: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return a rotation [3, 3], made exact, of an entry or of what was found in it."""
        found = self.matrix(key, 3, 3) if found is None else found
        u, _, v = np.linalg.svd(found)
        exact: NDArray[np.float64] = u @ v
        if np.linalg.det(exact) < 0 or np.abs(exact - found).max() > 1e-3:
            raise self.error(key, "a rotation was expected, with rows orthonormal to 0.001")
        return exact

    def size(self, width: str, height: str = "") -> tuple[int, int] | None:
        """Return a size (height, width) of two entries, or of one with both; None where it is not stated."""
        if width not in self.values:
            return None
        columns, rows = (self.number(width), self.number(height)) if height else self.numbers(width, 2)
        check_size(int(rows), int(columns), self.path)
        return int(rows), int(columns)


def _flat(value: Any) -> list[float] | None:
    """Return numbers as a flat list; None where one is none. No entry that is read has more than 64."""
    size = None
    if isinstance(value, Mapping):
        size = _flat([value.get("rows", "1"), value.get("cols", "1")]) if "rows" in value else None
        value = value.get("data")
    if isinstance(value, str):
        value = re.sub(r"[][,;]", " ", value).split() or None
    outer = value[:65] if isinstance(value, list) else [value]
    rows = [row[:65] if isinstance(row, list) else [row] for row in outer]
    try:  # float() refuses lists and None
        found = [math.nan if isinstance(item, bool) else float(item) for row in rows for item in row]
    except (TypeError, ValueError, OverflowError):
        return None
    return found if size is None or size[0] * size[1] == len(found) else None
