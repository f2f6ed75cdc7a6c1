"""Errors a user can cause, as exceptions whose message is written for that user, and the words in them."""

from __future__ import annotations

from collections.abc import Sequence

NAMED = 20  # of many things that are wrong, how many are named
IN_WORKER = "Caught "  # how torch begins the message of an error of a loading process, its trace included
_LONGEST, _LONGEST_MESSAGE = 120, 480  # characters of a name, of a message about a file
_LONGEST_LINE = 4000  # of a message about a data set, which may list the patterns of its tree
_FORMULA = "=+-@\t\r＝＋－＠"  # what a spreadsheet takes for the beginning of a formula


def first_of(names: Sequence[str], most: int = NAMED) -> list[str]:
    """Return the first `most` names, and where there are more a last line that counts the others."""
    more = len(names) - most
    return [*names[:most], f"and {more} more"] if more > 0 else list(names)


def shown(name: str, most: int = _LONGEST) -> str:
    """Return a stranger's name or words as a message may hold them: printable, in one line, not too long."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    half = most // 2 - 2
    return text if len(text) <= most else f"{text[:half]}...{text[-half:]}"


def printable(text: str) -> str:
    r"""Return a text with control characters and terminal escapes written as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def defused(cell: object) -> object:
    """Return a cell of a table for spreadsheets, with an apostrophe before text that would be a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(tuple(_FORMULA)) else cell


def count(number: int, thing: str, one: str = "", more: str = "") -> str:
    """Return a number of things in words: ``1 pair``, ``2 pairs``; with a verb ``1 pair is``."""
    words = (f"{number} {thing}", one) if number == 1 else (f"{number} {thing}s", more)
    return " ".join(filter(None, words))


class UserError(Exception):
    """A mistake in what the user gave; the message names the file or option and says what was expected.

    The command-line tools print the message alone and end with status 1.
    """


class DataError(UserError):
    """A data set is missing, half copied or inconsistent; what its files say is shown printable and short."""

    def __init__(self, message: str) -> None:
        # What torch makes of an error in a loading process is taken apart where training catches it.
        whole = message.startswith(IN_WORKER)
        lines = [shown(line, _LONGEST_LINE) for line in message.split("\n")]
        super().__init__(message if whole else "\n".join(lines))


class MissingDataError(DataError):
    """A data set is not there at all: its folder does not exist."""


class FormatError(DataError):
    """A file cannot be read as the format it should have; the message is of one line and moderate length."""

    def __init__(self, message: str) -> None:
        super().__init__(message if message.startswith(IN_WORKER) else shown(message, _LONGEST_MESSAGE))


class ShapeError(UserError, ValueError):
    """Two arrays do not fit together; the message holds both shapes."""
