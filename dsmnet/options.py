"""Checks of option values, each with one message: what was given, and what was expected; secrets in them."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from dsmnet.errors import UserError

_SECRET = re.compile(r"(password|secret|token|api_?key)$", re.IGNORECASE)  # names of such options
_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]*@")  # user and password


def check_choice(option: str, value: Any, choices: Collection[Any]) -> Any:
    """Return a value that has to be one of some, None for ``null``; `option` is named as the user writes it.

    Raises:
        UserError: The value is none of them.
    """
    if not isinstance(value, str | int | float | None) or value not in choices:
        *others, last = ("null" if choice is None else str(choice) for choice in choices)
        raise _refused(option, value, f"{', '.join(others)} or {last}" if others else last)
    return value


def check_number(
    option: str,
    value: Any,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
    unit: str = "",
) -> float:
    """Return a finite number that is at least `least`, exceeds `above`, and is at most `most`.

    `unit` is for the message: ``pixels``.

    Raises:
        UserError: The value is no number, not finite, or out of bounds.
    """
    if not _is_number(value) or not (math.isfinite(value) and least <= value <= most and value > above):
        raise _refused(option, value, _bounds("a number", least, above, most, unit))
    return float(value)


def check_whole(option: str, value: Any, *, least: int = 1, most: float = math.inf, unit: str = "") -> int:
    """Return a whole number from `least` to `most`.

    Raises:
        UserError: The value is no whole number, or out of bounds.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _refused(option, value, _bounds("a whole number", least, -math.inf, most, unit))
    return value


def check_share(option: str, value: Any) -> float:
    """Return a probability or share, from 0 to 1.

    Raises:
        UserError: The value is none.
    """
    return check_number(option, value, least=0, most=1)


def check_whole_range(option: str, ends: Any, *, least: int = 1) -> tuple[int, int]:
    """Return the two ends of a range of whole numbers, the lower one first.

    Raises:
        UserError: The value is not two whole numbers in order, or begins below `least`.
    """
    low, high = check_range(option, ends, least=least)
    return check_whole(option, low, least=least), check_whole(option, high, least=least)


def check_range(option: str, ends: Any, *, least: float = -math.inf) -> tuple[float, float]:
    """Return the two ends of a range, the lower one first.

    Raises:
        UserError: The value is not two finite numbers in order, or begins below `least`.
    """
    low: Any
    high: Any
    low, high = ends if isinstance(ends, Sequence) and len(ends) == 2 else (None, None)
    if not (_is_number(low) and _is_number(high) and least <= low <= high and math.isfinite(high - low)):
        given = list(ends) if isinstance(ends, tuple) else ends
        raise _refused(
            option, given, _bounds("two numbers, the lower one first,", least, -math.inf, math.inf)
        )
    return low, high


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bounds(what: str, least: float, above: float, most: float, unit: str = "") -> str:
    if unit:
        what += f" of {unit}"
    if least > -math.inf and most < math.inf:
        return f"{what} from {least:g} to {most:g}"
    parts = [f"of at least {least:g}"] if least > -math.inf else []
    parts += [f"above {above:g}"] if above > -math.inf else []
    parts += [f"of at most {most:g}"] if most < math.inf else []
    return f"{what} {' and '.join(parts)}".strip(" ,").replace(",  ", ", ")


def _refused(option: str, value: Any, expected: str) -> UserError:
    return UserError(f"{option}={value}: expected {expected}")


def without_secrets(value: Any, key: str = "") -> Any:
    """Return a configuration in which passwords, tokens and keys are three asterisks."""
    if isinstance(value, Mapping):
        return {name: without_secrets(entry, str(name)) for name, entry in value.items()}
    if isinstance(value, list):
        return [without_secrets(entry, key) for entry in value]
    if isinstance(value, str):
        return "***" if value and _SECRET.search(key) else hide_secrets(value)
    return value


def hide_secrets(text: str) -> str:
    """Return a text in which the user and password of an address are three asterisks."""
    return _IN_ADDRESS.sub("***@", text)
