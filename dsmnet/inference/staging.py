"""Files that are whole or not there: written aside, then moved into place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dsmnet.atomic import PART, cannot_write


@contextmanager
def staged(folder: Path, name: str, last: str) -> Iterator[Path]:
    """Give a folder to write the files of one result to; afterwards move them to `folder`.

    An error or an interruption leaves `folder` without any of them. Where a result of that name is there
    already, its file `last` is taken away first and comes back at the end, so that files of two results are
    never taken for one.

    Args:
        folder: where the files belong; made as needed.
        name: of the result.
        last: The file that, once in place, says that all are.

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
