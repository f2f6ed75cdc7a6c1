"""Text that others wrote, names of files above all, made safe to show."""

from __future__ import annotations

_FORMULA = "=+-@\t\r＝＋－＠"  # what a spreadsheet takes for the beginning of a formula


def defused(cell: object) -> object:
    """Return a cell of a table for spreadsheets, with an apostrophe before text that would be a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(tuple(_FORMULA)) else cell


def count(number: int, thing: str, one: str = "", more: str = "") -> str:
    """Return how many there are, in words: ``1 pair``, ``2 pairs``; with a verb ``1 pair is``."""
    words = (f"{number} {thing}", one) if number == 1 else (f"{number} {thing}s", more)
    return " ".join(filter(None, words))


def printable(text: str) -> str:
    r"""Return the text with what does not print, control characters and terminal escapes, as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
