"""Form of an upload: the places of its files, and how they are stored."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from dsmnet.errors import UserError, first_of, shown

SECONDS = "{seconds}"
SPARSE = "_s"  # how Middlebury marks maps with holes: a method's name must not end like that
METHOD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class UploadForm:
    """The files that a benchmark wants for each pair, as patterns of paths in the archive.

    The patterns know the words ``{split}`` (of the data set), ``{name}`` (of the pair) and ``{method}``.

    Args:
        disparity: Path of the left view's disparity map.
        maps: ``png16``, 16 bits, 256 times the disparity; or ``pfm``, pixels in little-endian floats.
        time: Path of the text file with the run time; None where that is stated elsewhere.
        time_line: Content of that file, with the word ``{seconds}``.
    """

    disparity: str
    maps: Literal["png16", "pfm"]
    time: str | None = None
    time_line: str = SECONDS

    def find_method(self, names: Iterable[str]) -> str | None:
        """Return the name of the method that the files of an archive carry; None where none can be seen.

        Raises:
            UserError: They carry several.
        """
        if "{method}" not in self.disparity:
            return None
        start, end = (re.escape(part) for part in self.disparity.rsplit("/", 1)[-1].split("{method}"))
        files = (name.rsplit("/", 1)[-1] for name in names)
        found = {
            match[1] for file in files if (match := re.fullmatch(f"{start}({METHOD.pattern}){end}", file))
        }
        if len(found) > 1:
            names = first_of([shown(name) for name in sorted(found)])
            raise UserError(f"results of several methods in one archive: {', '.join(names)}")
        return found.pop() if found else None


def check_method(method: str) -> str:
    """Return a method's name if it may be part of file names.

    Raises:
        UserError: It may not.
    """
    if not METHOD.fullmatch(method) or method.endswith(SPARSE):
        raise UserError(
            f"method={method}: expected letters, digits, - and _ (it becomes part of file names), "
            f"and not {SPARSE} at the end (it marks results with holes)"
        )
    return method
