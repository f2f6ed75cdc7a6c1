"""Text that others wrote, names of files above all, made safe to show."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return the text with what does not print, control characters and terminal escapes, as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
