"""What a user can get wrong, as exceptions whose message is written for that user."""

from __future__ import annotations

from collections.abc import Sequence

NAMED = 20  # of many things that are wrong, how many are named
IN_WORKER = "Caught "  # how torch begins the message of an error of a loading process, its trace included
_LONGEST, _LONGEST_MESSAGE = 120, 480  # characters of a name, of a message about a file
_LONGEST_LINE = 4000  # of a message about a data set, which may list the patterns of its tree


def first_of(names: Sequence[str], most: int = NAMED) -> list[str]:
    """Return the first `most` names, and where there are more a last line that counts the others."""
    more = len(names) - most
    return [*names[:most], f"and {more} more"] if more > 0 else list(names)


def shown(name: str, most: int = _LONGEST) -> str:
    """Return a stranger's name or words as a message may hold them: printable, in one line, not too long."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    half = most // 2 - 2
    return text if len(text) <= most else f"{text[:half]}...{text[-half:]}"


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
