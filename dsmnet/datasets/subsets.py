"""Published splits and exclusions: text files that name pairs, one a line."""

from __future__ import annotations

import logging
from pathlib import Path

from dsmnet.datasets.tree import Pair, first_names
from dsmnet.errors import DataError, UserError
from dsmnet.io.images import read_bytes

log = logging.getLogger(__name__)

LISTS = Path(__file__).parent / "splits"


def read_names(subset: str | Path, option: str = "subset") -> list[str]:
    """Return the names that a list holds; empty lines and what follows a # are passed over.

    `subset` is a list that comes with the package (``dsmnet/datasets/splits/NAME.txt``), or a file.
    """
    path = LISTS / f"{subset}.txt"
    if not path.is_file():
        path = Path(subset).expanduser()
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in LISTS.glob("*.txt")))
        raise UserError(f"{option}={subset}: no such file, and no list of that name comes along: {known}")
    try:
        lines = read_bytes(path).decode("utf-8").splitlines()
    except UnicodeDecodeError:
        expected = "expected a name of a pair on each line"
        raise UserError(f"{option}={subset}: {path} is no text; {expected}") from None
    names = [name for line in lines if (name := line.split("#")[0].strip())]
    if not names:
        raise UserError(f"{option}={subset}: {path} names no pair")
    return names


def choose_named(pairs: list[Pair], subset: str | Path, dataset: str) -> list[Pair]:
    """Return those of the pairs that a list names; what it names and is not there is reported."""
    wanted = set(read_names(subset))
    chosen = [pair for pair in pairs if pair.name in wanted]
    if not chosen:
        raise DataError(
            f"{dataset}: subset={subset} names {first_names(wanted)}; "
            f"the pairs that are there are called {first_names(pair.name for pair in pairs)}"
        )
    missing = wanted - {pair.name for pair in chosen}
    if missing:
        log.warning(
            "%s: %d of the %d pairs of subset=%s are not there: %s",
            dataset, len(missing), len(wanted), subset, first_names(missing),
        )  # fmt: skip
    return chosen
